import { Injectable } from '@nestjs/common'

/** Resolves when the dependency works, rejects with the reason when it does not. */
export type HealthCheck = (signal: AbortSignal) => Promise<void>

/** What a check found. */
export interface HealthCheckResult {
  readonly name: string
  readonly status: 'up' | 'down'
  /** Why it is down, for an operator; never holds a secret, since readiness is open to all. */
  readonly reason?: 'failed' | 'timed-out'
  readonly durationMs: number
}

/** Whether the service can take work. */
export interface Readiness {
  readonly status: 'ready' | 'not-ready' | 'draining'
  readonly checks: readonly HealthCheckResult[]
}

interface NamedCheck {
  readonly name: string
  readonly check: HealthCheck
  readonly timeoutMs: number
}

/** What a service needs to take work, by name. */
@Injectable()
export class HealthRegistry {
  private readonly checks = new Map<string, NamedCheck>()
  private readonly failures = new Map<string, unknown>()
  private isDraining = false

  /** Adds a check to readiness; one that takes longer than its time (default 2 s) counts as failed. */
  addCheck(name: string, check: HealthCheck, options: { timeoutMs?: number } = {}): void {
    this.checks.set(name, { name, check, timeoutMs: options.timeoutMs ?? 2000 })
  }

  /** From here on the service is not ready: it is about to end. */
  startDraining(): void {
    this.isDraining = true
  }

  get draining(): boolean {
    return this.isDraining
  }

  /** Runs all checks side by side. While draining none is run. */
  async readiness(): Promise<Readiness> {
    if (this.isDraining) return { status: 'draining', checks: [] }
    const checks = await Promise.all([...this.checks.values()].map((check) => this.run(check)))
    return { status: checks.every((check) => check.status === 'up') ? 'ready' : 'not-ready', checks }
  }

  /** The error of a check's last run, for the log; undefined when it was up. */
  failureOf(name: string): unknown {
    return this.failures.get(name)
  }

  private async run({ name, check, timeoutMs }: NamedCheck): Promise<HealthCheckResult> {
    const startedMs = performance.now()
    const abort = new AbortController()
    let timer: NodeJS.Timeout | undefined
    const timeout = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        const error = new Error(`no answer within ${timeoutMs} ms`)
        abort.abort(error)
        reject(error)
      }, timeoutMs)
    })
    try {
      await Promise.race([check(abort.signal), timeout])
      this.failures.delete(name)
      return { name, status: 'up', durationMs: Math.round(performance.now() - startedMs) }
    } catch (error) {
      this.failures.set(name, error)
      const reason = abort.signal.aborted ? 'timed-out' : 'failed'
      return { name, status: 'down', reason, durationMs: Math.round(performance.now() - startedMs) }
    } finally {
      clearTimeout(timer)
    }
  }
}
