import { Injectable } from '@nestjs/common'
import { PharosError, type ProblemCode, type ScanPhase } from '@pharos/contracts'
import { type Clock, InjectClock, withSpan } from '@pharos/service-kit'
import { WorkerMetrics } from '../metrics/worker-metrics.js'
import type { ScanAttempt } from './scan-attempt.js'

/** Which problem it is when a phase takes too long. */
const lateProblems = {
  resolve: 'registry-timeout',
  pull: 'registry-timeout',
  catalogue: 'engine-timeout',
  match: 'engine-timeout',
  report: 'busy',
} as const satisfies Partial<Record<ScanPhase, ProblemCode>>

/** A phase that takes time. */
export type TimedPhase = keyof typeof lateProblems

/** Runs the phases of an attempt: tells their names, bounds their time, measures them. */
@Injectable()
export class PhaseRunner {
  constructor(
    private readonly metrics: WorkerMetrics,
    @InjectClock() private readonly clock: Clock,
  ) {}

  /** @throws AttemptEndedError when the attempt is stopped; PharosError with the phase's problem when it is late */
  async run<T>(attempt: ScanAttempt, phase: TimedPhase, timeoutMs: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { lease } = attempt
    lease.signal.throwIfAborted()
    lease.enter(phase)
    const startedMs = this.clock.nowMs()
    const late = new AbortController()
    const timer = setTimeout(() => late.abort(), timeoutMs)
    try {
      return await withSpan(`scan ${phase}`, () => work(AbortSignal.any([lease.signal, late.signal])))
    } catch (error) {
      lease.signal.throwIfAborted()
      if (late.signal.aborted)
        throw new PharosError(lateProblems[phase], `The phase ${phase} took longer than ${timeoutMs} ms.`, { cause: error })
      throw error
    } finally {
      clearTimeout(timer)
      this.metrics.phaseEnded(phase, this.clock.nowMs() - startedMs)
    }
  }
}
