import { PharosError } from '@pharos/contracts'
import type { z } from 'zod'
import { type EngineCallOptions, EngineProcess, type EngineProcessOptions } from './engine-process.js'
import { type EngineHello, OpenedDatabase } from './schema.js'

/** Settings of a client over those of its processes. */
export interface EngineClientOptions extends EngineProcessOptions {
  /** Resident memory past which the process is replaced after the request that it grew with. */
  readonly softMemoryLimitBytes: number
  /** Called when a process was ended or had died and the next one starts. */
  readonly onRestart?: (reason: EngineRestart) => void
}

export type EngineRestart = 'died' | 'grown'

/** Opening verifies the checksum of the whole database. */
const openTimeoutMs = 120_000

/** An engine that is always there: starts its process on demand and replaces one that died or grew. One request at a time. */
export class EngineClient {
  private running: EngineProcess | undefined
  private openedDirectory: string | undefined
  private tail: Promise<unknown> = Promise.resolve()
  private hasRun = false
  private isClosed = false

  constructor(private readonly options: EngineClientOptions) {}

  /** Starts the process, if none runs, and tells what it is. */
  async hello(): Promise<EngineHello> {
    return this.exclusive(async () => {
      const { process, hello } = await EngineProcess.start(this.options)
      await this.running?.stop()
      this.running = process
      this.openedDirectory = undefined
      return hello
    })
  }

  /** A request that needs no database. */
  async call<S extends z.ZodType>(
    op: string,
    fields: Readonly<Record<string, unknown>>,
    schema: S,
    options: EngineCallOptions,
  ): Promise<z.output<S>> {
    return this.exclusive(async () => this.callOn(await this.process(), op, fields, schema, options))
  }

  /** A request in a database, which is opened first if another one, or none, is open. */
  async callWithDatabase<S extends z.ZodType>(
    directory: string,
    op: string,
    fields: Readonly<Record<string, unknown>>,
    schema: S,
    options: EngineCallOptions,
  ): Promise<z.output<S>> {
    return this.exclusive(async () => {
      const process = await this.process()
      if (this.openedDirectory !== directory) {
        this.openedDirectory = undefined
        await process.call('openDatabase', { directory }, OpenedDatabase, { ...options, timeoutMs: openTimeoutMs })
        this.openedDirectory = directory
      }
      return this.callOn(process, op, fields, schema, options)
    })
  }

  /** Opens a database and tells what it is. @throws PharosError `database-*` */
  async openDatabase(directory: string): Promise<OpenedDatabase> {
    return this.exclusive(async () => {
      this.openedDirectory = undefined
      const opened = await (await this.process()).call('openDatabase', { directory }, OpenedDatabase, { timeoutMs: openTimeoutMs })
      this.openedDirectory = directory
      return opened
    })
  }

  async close(): Promise<void> {
    this.isClosed = true
    await this.running?.stop()
  }

  private async callOn<S extends z.ZodType>(
    process: EngineProcess,
    op: string,
    fields: Readonly<Record<string, unknown>>,
    schema: S,
    options: EngineCallOptions,
  ): Promise<z.output<S>> {
    try {
      return await process.call(op, fields, schema, options)
    } finally {
      if (process.isAlive && process.rssBytes > this.options.softMemoryLimitBytes) {
        this.options.onRestart?.('grown')
        this.running = undefined
        this.hasRun = false
        await process.stop()
      }
    }
  }

  private async process(): Promise<EngineProcess> {
    if (this.isClosed) throw new PharosError('engine-unavailable', 'The scan engine was shut down.')
    if (this.running?.isAlive === true) return this.running
    if (this.hasRun) this.options.onRestart?.('died')
    this.openedDirectory = undefined
    const { process } = await EngineProcess.start(this.options)
    this.running = process
    this.hasRun = true
    return process
  }

  private exclusive<T>(work: () => Promise<T>): Promise<T> {
    const result = this.tail.then(work)
    // The next in line does not care how the one before it ended.
    this.tail = result.then(
      () => undefined,
      () => undefined,
    )
    return result
  }
}
