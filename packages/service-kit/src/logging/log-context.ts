import { AsyncLocalStorage } from 'node:async_hooks'

/** Fields that each log line carries while a piece of work runs. */
export interface LogContext {
  readonly requestId?: string
  readonly taskId?: string
  readonly runId?: string
  readonly jobId?: string
  readonly [field: string]: unknown
}

const storage = new AsyncLocalStorage<LogContext>()

/** Runs `work` so that each log line in it, across awaits, carries these fields beside those already set. */
export function withLogContext<T>(context: LogContext, work: () => T): T {
  return storage.run({ ...storage.getStore(), ...context }, work)
}

/** The fields that log lines carry here. */
export function currentLogContext(): LogContext {
  return storage.getStore() ?? {}
}
