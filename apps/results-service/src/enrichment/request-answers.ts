import { Injectable } from '@nestjs/common'
import { type Clock, InjectClock } from '@pharos/service-kit'
import { Database } from '../database/transaction.js'
import { EnricherRequestRepository, type RequestState } from './enricher-request.repository.js'
import { testPatienceMs } from './enrichment-claims.service.js'

const lookMs = 100

/** Waits for what workers answer to requests. The row is looked at: the answer may come in at another replica. */
@Injectable()
export class RequestAnswers {
  constructor(
    private readonly database: Database,
    private readonly requests: EnricherRequestRepository,
    @InjectClock() private readonly clock: Clock,
  ) {}

  /** The request as it stands when it has ended, or when the time is over. */
  async wait(id: string): Promise<RequestState | null> {
    const untilMs = this.clock.nowMs() + testPatienceMs
    for (;;) {
      const found = await this.requests.find(this.database.runner, id)
      if (found === null || found.state !== 'open' || this.clock.nowMs() >= untilMs) return found
      await this.clock.sleep(lookMs)
    }
  }
}
