import type { Command } from 'commander'
import type { RunCommand } from './command-context.js'
import { addEnricherLabCommands } from './enricher-lab.commands.js'
import { addEnricherRunCommands } from './enricher-run.commands.js'
import { addEnricherSetCommands } from './enricher-set.commands.js'

/** Adds `pharos enricher`. */
export function addEnricherCommands(program: Command, run: RunCommand): void {
  const enricher = program.command('enricher').description('Enrichers: write and try them here, send and activate them at the server')
  addEnricherLabCommands(enricher, run)
  addEnricherSetCommands(enricher, run)
  addEnricherRunCommands(enricher, run)
}
