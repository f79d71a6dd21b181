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
  private lastMs: number
  private sent: Promise<void> = Promise.resolve()

  constructor(
    private readonly send: (results: ResultsText) => Promise<unknown>,
    private readonly clock: Clock,
  ) {
    this.lastMs = clock.nowMs()
  }

  async add(result: SubjectResult): Promise<void> {
    const text = JSON.stringify(result)
    this.held.push(text)
    this.heldCharacters += text.length
    if (this.heldCharacters >= largestHeldCharacters || this.clock.nowMs() - this.lastMs >= longestHeldMs) await this.flush()
  }

  /** Sends what is held, after what is under way. */
  async flush(): Promise<void> {
    this.lastMs = this.clock.nowMs()
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
}
