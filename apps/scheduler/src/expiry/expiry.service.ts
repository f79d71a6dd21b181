import { Injectable } from '@nestjs/common'
import { type Clock, InjectClock } from '@pharos/service-kit'
import { ResultsClient } from '../results/results.client.js'

/** Well within the lease of a schedule. */
const limitMs = 30_000

/** Lets results-service remove what has expired. */
@Injectable()
export class ExpiryService {
  constructor(
    private readonly results: ResultsClient,
    @InjectClock() private readonly clock: Clock,
  ) {}

  /** Asks again while there is more to remove, for a while; the rest comes with the next run. */
  async expire(): Promise<string> {
    const endMs = this.clock.nowMs() + limitMs
    const total = new Map<string, number>()
    let hasMore = true
    while (hasMore && this.clock.nowMs() < endMs) {
      const answer = await this.results.expire()
      for (const [name, count] of Object.entries(answer.removed)) total.set(name, (total.get(name) ?? 0) + count)
      hasMore = answer.hasMore === true
    }
    const parts = [...total].filter(([, count]) => count > 0).map(([name, count]) => `${count} ${name}`)
    const outcome = parts.length === 0 ? 'nothing had expired' : `removed ${parts.join(', ')}`
    return hasMore ? `${outcome}; more is left for the next run` : outcome
  }
}
