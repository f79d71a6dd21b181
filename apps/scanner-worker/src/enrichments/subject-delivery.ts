import type { EnricherOutcome } from '@pharos/contracts'
import type { Clock } from '@pharos/service-kit'
import type { ResultsText } from './enrichment.client.js'

/** What came of one subject of a chunk; without outcomes it could not be run at all. */
export type SubjectResult =
  | { readonly subject: number; readonly outcomes: readonly EnricherOutcome[] }
  | { readonly subject: number; readonly outcomes: null; readonly reason: string }

const longestHeldMs = 500
const largestHeldCharacters = 4 * 1024 ** 2

/** Delivers a chunk in parts: a result does not wait for the last one of its chunk, and none costs a call of its own. */
export class SubjectDelivery {
  private held: string[] = []
  private heldCharacters = 0
  private timer: AbortController | undefined
  private sent: Promise<void> = Promise.resolve()

  constructor(
    private readonly send: (results: ResultsText) => Promise<unknown>,
    private readonly clock: Clock,
  ) {}

  /** @throws what an earlier delivery was refused with */
  async add(result: SubjectResult): Promise<void> {
    const text = JSON.stringify(result)
    this.held.push(text)
    this.heldCharacters += text.length
    if (this.heldCharacters >= largestHeldCharacters) await this.flush()
    else this.flushLater()
  }

  /** Sends what is held, after what is under way. */
  async flush(): Promise<void> {
    this.timer?.abort()
    this.timer = undefined
    const { held } = this
    this.held = []
    this.heldCharacters = 0
    if (held.length > 0) {
      const former = this.sent
      this.sent = former.then(async () => {
        await this.send({ text: `{"kind":"subjects","subjects":[${held.join(',')}]}` })
      })
    }
    await this.sent
  }

  private flushLater(): void {
    if (this.timer !== undefined) return
    this.timer = new AbortController()
    // A refusal is told to whoever adds or flushes next.
    this.clock
      .sleep(longestHeldMs, this.timer.signal)
      .then(() => this.flush())
      .catch(() => undefined)
  }
}
