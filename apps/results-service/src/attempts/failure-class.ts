import { type FailureReason, problemDefinitions, type ProblemCode } from '@pharos/contracts'

/** What follows from a failed attempt. */
export type FailureVerdict = 'retry' | 'fail' | 'crash'

/** These failures took the worker's engine with them; an image that does so again and again is put aside. */
const crashCodes: ReadonlySet<ProblemCode> = new Set(['engine-crashed', 'engine-out-of-memory'])

/** How a failure is treated when there are attempts left. */
export function verdictOf(code: ProblemCode): FailureVerdict {
  if (crashCodes.has(code)) return 'crash'
  return problemDefinitions[code].failureClass === 'transient' ? 'retry' : 'fail'
}

/**
 * Whether a failure concerns one submitter alone: his reference, his credential, his registry. The run then goes on with
 * another subscriber. Everything else is a property of the image or of the scan and ends the run for all.
 */
export function isOwnFailure(code: ProblemCode): boolean {
  return /^(registry-|reference-|manifest-|platform-)/.test(code)
}

const firstBackOffMs = 2000
const longestBackOffMs = 5 * 60_000

/**
 * Delay before the next attempt: full jitter up to 2 s x 2^(failures - 1), at most 5 minutes, at least what the other side asked for.
 * `random` is in [0, 1).
 */
export function backOffMs(failures: number, retryAfterMs: number | null, random: number): number {
  const ceiling = Math.min(longestBackOffMs, firstBackOffMs * 2 ** Math.min(failures - 1, 30))
  return Math.max(Math.round(random * ceiling), retryAfterMs ?? 0)
}

/** Shortens a reason to what is stored; NUL is what PostgreSQL cannot store in text or JSON. */
export function storableReason(reason: FailureReason): FailureReason {
  const clean = (text: string) => text.replaceAll('\u0000', '\u2400')
  return {
    code: reason.code,
    detail: clean(reason.detail),
    ...(reason.paths === undefined ? {} : { paths: reason.paths.map(clean) }),
    ...(reason.packages === undefined ? {} : { packages: reason.packages.map(clean) }),
  }
}
