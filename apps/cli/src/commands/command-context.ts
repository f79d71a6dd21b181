import type { Command } from 'commander'
import type { ApiClient } from '../client/api-client.js'
import type { Output } from '../output/output.js'

/** What a command works with. */
export interface CommandContext {
  api: ApiClient
  output: Output
  nowMs: () => number
  /** What the command was started with; programs that it runs get it. */
  environment: Readonly<Record<string, string | undefined>>
}

/** Runs a command's work with the context that its options make. */
export type RunCommand = (command: Command, work: (context: CommandContext) => Promise<void>) => Promise<void>
