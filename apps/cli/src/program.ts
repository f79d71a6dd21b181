import { createRequire } from 'node:module'
import { PharosError } from '@pharos/contracts'
import { Command, CommanderError } from 'commander'
import { z } from 'zod'
import { ApiClient } from './client/api-client.js'
import { addAdministrationCommands } from './commands/administration.commands.js'
import type { RunCommand } from './commands/command-context.js'
import { addDecisionCommands } from './commands/decision.commands.js'
import { addEnricherCommands } from './commands/enricher.commands.js'
import { addExportCommands } from './commands/export.commands.js'
import { addHistoryCommands } from './commands/history.commands.js'
import { addImageCommands } from './commands/image.commands.js'
import { addQueryCommands } from './commands/query.commands.js'
import { addRematchCommands } from './commands/rematch.commands.js'
import { addScanCommand } from './commands/scan.command.js'
import { addVexCommands } from './commands/vex.commands.js'
import { addViewCommands } from './commands/view.commands.js'
import { addWorkloadCommands } from './commands/workload.commands.js'
import { CommonOptions, environmentName, flagName, resolveConfiguration } from './configuration.js'
import { CommandEnd, exitCodeHelp, exitCodes } from './exit-code.js'
import { Output, type Streams } from './output/output.js'
import { terminalText } from './output/terminal-text.js'

/** What the command is run with. */
export interface ProgramInput {
  arguments: readonly string[]
  environment: Readonly<Record<string, string | undefined>>
  streams: Streams
  nowMs?: () => number
}

const { version } = z.object({ version: z.string() }).parse(createRequire(import.meta.url)('../package.json'))

function addCommonOptions(program: Command): void {
  for (const [name, schema] of Object.entries(CommonOptions.shape)) {
    const description = schema.meta()?.description ?? schema.unwrap().meta()?.['description']
    const fallback = 'defaultValue' in schema.def ? ` (default ${String(schema.def.defaultValue)})` : ''
    program.option(`--${flagName(name)} <value>`, `${String(description)}; or ${environmentName(name)}${fallback}`)
  }
}

/** Runs `pharos` and answers its exit status. Never throws. */
export async function runProgram(input: ProgramInput): Promise<number> {
  const { streams } = input
  const program = new Command('pharos')
    .description('What is in your container images, what is vulnerable, and what to do first.')
    .version(version)
  addCommonOptions(program)
  program.addHelpText('after', exitCodeHelp).exitOverride().configureOutput({ writeOut: streams.out, writeErr: streams.err })
  const run: RunCommand = async (command, work) => {
    const configuration = resolveConfiguration(command.optsWithGlobals(), input.environment, streams.isTerminal)
    await work({
      api: new ApiClient(configuration),
      output: new Output(streams, configuration.isJson),
      nowMs: input.nowMs ?? Date.now,
      environment: input.environment,
    })
  }
  addScanCommand(program, run)
  addImageCommands(program, run)
  addQueryCommands(program, run)
  addViewCommands(program, run)
  addHistoryCommands(program, run)
  addExportCommands(program, run)
  addRematchCommands(program, run)
  addDecisionCommands(program, run)
  addVexCommands(program, run)
  addWorkloadCommands(program, run)
  addEnricherCommands(program, run)
  addAdministrationCommands(program, run)
  try {
    await program.parseAsync([...input.arguments], { from: 'user' })
    return exitCodes.ok
  } catch (error) {
    return explain(error, streams)
  }
}

function explain(error: unknown, streams: Streams): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage
  if (error instanceof CommandEnd) {
    streams.err(`${error.message.split('\n').map(terminalText).join('\n')}\n`)
    return error.exitCode
  }
  if (error instanceof PharosError) {
    const places = (error.errors ?? []).map((place) => `\n  ${place.pointer}: ${terminalText(place.detail)}`).join('')
    streams.err(`pharos: ${terminalText(error.detail)} (${error.code})${places}\n`)
    return exitCodes.error
  }
  streams.err(`pharos: ${terminalText(error instanceof Error ? error.message : String(error))}\n`)
  return exitCodes.error
}
