import { PharosError } from '@pharos/contracts'

/** Lets a few through at once; the others wait in order, and past the bound are turned away. */
export class Turnstile {
  private inside = 0
  private readonly waiting: (() => void)[] = []

  constructor(
    private readonly width: number,
    private readonly maxWaiting: number,
  ) {}

  /** Runs the work when its turn has come. Throws `too-many-in-flight` when too many wait. */
  async pass<T>(work: () => Promise<T>): Promise<T> {
    if (this.inside >= this.width) {
      if (this.waiting.length >= this.maxWaiting)
        throw new PharosError('too-many-in-flight', 'Too many sign-ins are being checked.', { retryAfterMs: 1000 })
      // Who leaves hands its place over, so nobody can slip in between.
      await new Promise<void>((resolve) => this.waiting.push(resolve))
    } else {
      this.inside += 1
    }
    try {
      return await work()
    } finally {
      const next = this.waiting.shift()
      if (next === undefined) this.inside -= 1
      else next()
    }
  }
}
