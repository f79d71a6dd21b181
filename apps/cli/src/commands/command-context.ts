import type { Command } from 'commander'
import type { ApiClient } from '../client/api-client.js'
import type { Output } from '../output/output.js'

/** What a command works with. */
export interface CommandContext {
  api: ApiClient
  output: Output
  nowMs: () => number
}

/** Runs a command's work with the context that its options make. */
export type RunCommand = (command: Command, work: (context: CommandContext) => Promise<void>) => Promise<void>
