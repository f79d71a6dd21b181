import {
  type Problem,
  type ProblemCode,
  type ProblemLogLevel,
  type ProblemPointer,
  problemDefinitions,
  problemType,
  type FailureClass,
} from './problem.js'

/** What may accompany an error beside its code and detail. */
export interface PharosErrorOptions {
  cause?: unknown
  /** Milliseconds after which a retry makes sense, e.g. from a registry's Retry-After. */
  retryAfterMs?: number
  /** Places in the request that are wrong. */
  errors?: ProblemPointer[]
  /** Files in the image that are concerned. */
  paths?: string[]
}

/** The one error class of Pharos: its code decides the status, the failure class and the log level. */
export class PharosError extends Error {
  override readonly name = 'PharosError'
  readonly retryAfterMs: number | undefined
  readonly errors: ProblemPointer[] | undefined
  readonly paths: string[] | undefined

  constructor(
    readonly code: ProblemCode,
    readonly detail: string,
    options: PharosErrorOptions = {},
  ) {
    super(`${code}: ${detail}`, { cause: options.cause })
    this.retryAfterMs = options.retryAfterMs
    this.errors = options.errors
    this.paths = options.paths
  }

  get status(): number {
    return problemDefinitions[this.code].status
  }

  get failureClass(): FailureClass {
    return problemDefinitions[this.code].failureClass
  }

  get isRetryable(): boolean {
    return this.failureClass === 'transient'
  }

  get logLevel(): ProblemLogLevel {
    return problemDefinitions[this.code].logLevel
  }

  /** The RFC 9457 body for this error; `instance` and `traceId` are known at the edge only. */
  toProblem(at: { instance?: string; traceId?: string } = {}): Problem {
    return {
      type: problemType(this.code),
      title: problemDefinitions[this.code].title,
      status: this.status,
      code: this.code,
      detail: this.detail,
      ...(at.instance === undefined ? {} : { instance: at.instance }),
      ...(this.errors === undefined ? {} : { errors: this.errors }),
      ...(at.traceId === undefined ? {} : { traceId: at.traceId }),
      ...(this.retryAfterMs === undefined ? {} : { retryAfterSeconds: Math.ceil(this.retryAfterMs / 1000) }),
    }
  }

  /** Makes an error of a problem document that another part of Pharos answered. */
  static fromProblem(problem: Problem): PharosError {
    return new PharosError(problem.code, problem.detail ?? problem.title, {
      ...(problem.errors === undefined ? {} : { errors: problem.errors }),
      ...(problem.retryAfterSeconds === undefined ? {} : { retryAfterMs: problem.retryAfterSeconds * 1000 }),
    })
  }
}
