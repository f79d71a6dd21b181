import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { type EnricherFile, type EnricherOutcome, EnricherTestAnswer, scriptEngines } from '@pharos/contracts'
import type { EnricherSet } from '@pharos/enrichers'
import { Argument, type Command, Option } from 'commander'
import { z } from 'zod'
import { CommandEnd, exitCodes } from '../exit-code.js'
import { libraryTable, outcomesText, problemLine, testResultsText } from '../output/enricher-tables.js'
import type { CommandContext, RunCommand } from './command-context.js'
import { filesToSend, readSetFolder } from './enricher-folder.js'

interface TrialOptions {
  image?: string
  key?: string
  payload?: string
  sample?: boolean
  enricher?: string
  httpAllow?: string[]
  remote?: boolean
}

const folderArgument = 'Folder with enrichers.yaml, or with one enricher; this folder by default'

/** Adds the commands for writing enrichers, which need no server: new, library, test, run. */
export function addEnricherLabCommands(enricher: Command, run: RunCommand): void {
  addNewCommand(enricher, run)
  addLibraryCommand(enricher, run)

  const test = enricher
    .command('test')
    .description('Run the *.test.yaml of a folder, here in the sandbox')
    .argument('[folder]', folderArgument, '.')
  test.action((folder: string) =>
    run(test, async (context) => {
      const { output } = context
      const set = await readSetFolder(folder, context)
      await requireCompiled(set)
      const { runEnricherTests } = await import('@pharos/enrichers')
      const results = await runEnricherTests(set)
      if (results.length === 0) throw new CommandEnd(exitCodes.enrichers, 'There is no *.test.yaml in this folder.')
      output.result(results, testResultsText)
      const failed = results.filter(({ ok }) => !ok).length
      if (failed > 0) throw new CommandEnd(exitCodes.enrichers, `${failed} of ${results.length} tests failed.`)
    }),
  )

  const trial = enricher
    .command('run')
    .description('Run enrichers once and show what comes of it: here in the sandbox, or with --remote at a worker')
    .argument('[folder]', folderArgument, '.')
    .option('--image <digest>', 'On a stored image; its payload comes from the server')
    .option('--key <key>', 'With --image: key of a workload or of a submitted context')
    .option('--payload <file>', 'On a payload in a JSON file')
    .option('--sample', 'On the sample payload')
    .option('--enricher <name>', 'Show only this enricher')
    .option('--http-allow <urls...>', 'Addresses below which scripts may send requests; none by default')
    .option('--remote', 'Let a worker of the server run them')
  trial.action((folder: string) =>
    run(trial, async (context) => {
      const options = trial.opts<TrialOptions>()
      if ([options.image, options.payload, options.sample].filter((one) => one !== undefined).length !== 1)
        throw new CommandEnd(exitCodes.usage, 'Give one of --image, --payload and --sample.')
      const set = await readSetFolder(folder, context)
      if (options.enricher !== undefined && !set.enrichers.some(({ name }) => name === options.enricher))
        throw new CommandEnd(
          exitCodes.usage,
          `There is no enricher ${options.enricher}: ${set.enrichers.map(({ name }) => name).join(', ')}.`,
        )
      const answer = await (options.remote === true ? tryThere(set, options, context) : tryHere(set, options, context))
      if (answer.problems.length > 0) throw new CommandEnd(exitCodes.enrichers, answer.problems.map(problemLine).join('\n'))
      context.output.result(answer, ({ outcomes }) => outcomesText(outcomes))
      const failed = answer.outcomes.filter(({ ok }) => !ok)
      if (failed.length > 0) throw new CommandEnd(exitCodes.enrichers, `${failed.map((outcome) => outcome.enricher).join(', ')} failed.`)
    }),
  )
}

function addNewCommand(enricher: Command, run: RunCommand): void {
  const command = enricher
    .command('new')
    .description('Begin an enricher: a folder with its steps, script, data and a test')
    .argument('<name>', 'Name of the enricher, and of its folder')
    .addOption(new Option('--engine <engine>', 'Language of the script').choices(scriptEngines).default('starlark'))
    .option('--in <folder>', 'Folder in which it is made', '.')
  command.action((name: string) =>
    run(command, async ({ output }) => {
      if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(name))
        throw new CommandEnd(exitCodes.usage, 'A name is made of letters, digits, dots, hyphens and underscores, at most 63.')
      const { engine, in: parent } = command.opts<{ engine: (typeof scriptEngines)[number]; in: string }>()
      const { newEnricher } = await import('@pharos/enrichers')
      const files = newEnricher(name, engine).map(({ path, content }) => ({ path: `${name}/${path}`, content }))
      const written = await writeNew(parent, files)
      const isListed = await beginList(parent, name)
      output.result({ files: written }, () => written.map((path) => `${path}\n`).join(''))
      if (!isListed) output.note(`Add it to ${join(parent, 'enrichers.yaml')}: order and sources.`)
      output.note(`Try it: pharos enricher test ${parent}`)
    }),
  )
}

function addLibraryCommand(enricher: Command, run: RunCommand): void {
  const command = enricher
    .command('library')
    .description('List the ready enrichers; with names and --into copy them, to be changed as you like')
    .addArgument(new Argument('[names...]', 'Names of ready enrichers'))
    .option('--into <folder>', 'Where they are copied to')
  command.action((names: string[]) =>
    run(command, async ({ output }) => {
      const { libraryEnrichers, librarySet } = await import('@pharos/enrichers')
      const { into } = command.opts<{ into?: string }>()
      const all = libraryEnrichers()
      const unknown = names.filter((name) => !all.some((one) => one.name === name))
      if (unknown.length > 0) throw new CommandEnd(exitCodes.usage, `The library has no ${unknown.join(', ')}.`)
      const chosen = all.filter(({ name }) => names.length === 0 || names.includes(name))
      if (into === undefined)
        return output.result(
          chosen.map(({ name, description }) => ({ name, description })),
          libraryTable,
        )
      const listPath = join(into, 'enrichers.yaml')
      const hasList = await isThere(listPath)
      const files = librarySet(chosen.map(({ name }) => name)).filter(({ path }) => !hasList || path !== 'enrichers.yaml')
      const written = await writeNew(into, files)
      output.result({ files: written }, () => written.map((path) => `${path}\n`).join(''))
      if (hasList) output.note(`Add them to ${listPath}: order and sources.`)
      return undefined
    }),
  )
}

/** Writes files that are not there yet, none of them when one is. */
async function writeNew(folder: string, files: readonly EnricherFile[]): Promise<string[]> {
  const places = files.map(({ path, content }) => ({ path: join(folder, path), content }))
  for (const { path } of places)
    if (await isThere(path)) throw new CommandEnd(exitCodes.error, `${relative('.', path)} is there already; nothing was written.`)
  for (const { path, content } of places) {
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, content, { flag: 'wx' })
  }
  return places.map(({ path }) => path)
}

/** A list with this enricher, where there is none yet. */
async function beginList(folder: string, name: string): Promise<boolean> {
  const path = join(folder, 'enrichers.yaml')
  if (await isThere(path)) return false
  await writeFile(path, `order: [${name}]\nsources:\n  - name: ${name}\n`, { flag: 'wx' })
  return true
}

async function isThere(path: string): Promise<boolean> {
  try {
    await readFile(path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}

async function requireCompiled(set: EnricherSet): Promise<void> {
  const { createEnricherRunner } = await import('@pharos/enrichers')
  const runner = await createEnricherRunner({ workers: 1 })
  try {
    const problems = await runner.validate(set)
    if (problems.length > 0) throw new CommandEnd(exitCodes.enrichers, problems.map(problemLine).join('\n'))
  } finally {
    await runner.close()
  }
}

/** On this machine, with the limits that a worker has by default. */
async function tryHere(set: EnricherSet, options: TrialOptions, context: CommandContext): Promise<EnricherTestAnswer> {
  const { createEnricherRunner } = await import('@pharos/enrichers')
  const payload = await payloadOf(options, context)
  const { httpAllow } = options
  const runner = await createEnricherRunner(httpAllow === undefined ? {} : { http: { allow: httpAllow, allowInternal: true } })
  try {
    const problems = await runner.validate(set)
    if (problems.length > 0) return { problems, outcomes: [] }
    return { problems: [], outcomes: chosenOf(await runner.run(set, payload), options.enricher) }
  } finally {
    await runner.close()
  }
}

async function tryThere(set: EnricherSet, { image, key, payload, sample, enricher }: TrialOptions, { api }: CommandContext) {
  const body = {
    files: filesToSend(set),
    ...(image === undefined ? {} : { image }),
    ...(key === undefined ? {} : { key }),
    ...(payload === undefined ? {} : { payload: JSON.parse(await readPayload(payload)) as unknown }),
    ...(sample === undefined ? {} : { sample }),
    ...(enricher === undefined ? {} : { enricher }),
  }
  return api.request({ method: 'POST', path: '/enrichers:test', body }, EnricherTestAnswer)
}

const chosenOf = (outcomes: EnricherOutcome[], enricher: string | undefined): EnricherOutcome[] =>
  enricher === undefined ? outcomes : outcomes.filter((outcome) => outcome.enricher === enricher)

async function payloadOf({ image, key, payload }: TrialOptions, { api }: CommandContext): Promise<string> {
  if (payload !== undefined) return readPayload(payload)
  if (image !== undefined) {
    const path = `/images/${encodeURIComponent(image)}/enricher-payload`
    return JSON.stringify(await api.request({ method: 'GET', path, query: { key } }, z.record(z.string(), z.unknown())))
  }
  const { samplePayload } = await import('@pharos/enrichers')
  return JSON.stringify(samplePayload())
}

/** The text of a payload; what was saved with its meta, as {payload, meta}, is read too. */
async function readPayload(file: string): Promise<string> {
  const text = await readFile(file, 'utf8')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new CommandEnd(exitCodes.usage, `${file} is no JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
  const whole = z.looseObject({ payload: z.record(z.string(), z.unknown()) }).safeParse(value)
  return whole.success ? JSON.stringify(whole.data.payload) : text
}
