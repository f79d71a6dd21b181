/** What a registry does wrong. */
export type RegistryFault =
  /** Never answers. */
  | { kind: 'hang' }
  /** Answers when it is told to: as it should, or with the status that `until` resolves with. `onHeld` is called when a request waits. */
  | { kind: 'hold'; until: Promise<number | undefined>; onHeld?: () => void }
  /** Closes the connection without an answer. */
  | { kind: 'reset' }
  /** Answers with a status, e.g. 429 with Retry-After, or 503. */
  | { kind: 'status'; status: number; retryAfter?: string; body?: string }
  /** Answers 200 with a body that is none of what was asked for. */
  | { kind: 'garbage'; body?: string }
  /** Announces the whole content and closes the connection after a part of it. */
  | { kind: 'truncate'; afterBytes: number }
  /** Sends content of the right length in which one byte differs, so that its digest is wrong. */
  | { kind: 'corrupt' }
  /** Sends the content byte by byte, slower than anybody would wait for. */
  | { kind: 'drip'; intervalMs: number }
  /** Sends the client elsewhere. */
  | { kind: 'redirect'; location: string; status?: 301 | 302 | 307 | 308 }
  /** Asks for a token from a realm of somebody else's choice. */
  | { kind: 'token-realm'; realm: string; service?: string }

/** A fault, the requests that it strikes, and how often. */
export interface FaultRule {
  /** Matched against `METHOD /path?query`, e.g. `/GET .*\/blobs\//`. */
  match: RegExp
  fault: RegistryFault
  /** How many requests it strikes; all of them by default. */
  times?: number
}

/** The faults of one registry, in the order in which they were added. */
export class FaultPlan {
  private rules: (FaultRule & { struck: number })[] = []

  /** Adds a fault; returns the function that takes it away. */
  add(rule: FaultRule): () => void {
    const entry = { ...rule, struck: 0 }
    this.rules.push(entry)
    return () => {
      this.rules = this.rules.filter((other) => other !== entry)
    }
  }

  clear(): void {
    this.rules = []
  }

  /** The fault that strikes this request, counted as one strike. */
  strike(request: string): RegistryFault | undefined {
    const rule = this.rules.find((candidate) => candidate.match.test(request) && candidate.struck < (candidate.times ?? Infinity))
    if (!rule) return undefined
    rule.struck += 1
    return rule.fault
  }
}
