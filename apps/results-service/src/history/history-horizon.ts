import { Injectable } from '@nestjs/common'
import { PharosError } from '@pharos/contracts'
import { type Clock, InjectClock, InjectConfiguration } from '@pharos/service-kit'
import type { ResultsConfiguration } from '../configuration.js'

/** How far back history is told. Beyond it events may have been removed, and an answer would be a guess. */
@Injectable()
export class HistoryHorizon {
  constructor(
    @InjectConfiguration() private readonly configuration: Pick<ResultsConfiguration, 'history'>,
    @InjectClock() private readonly clock: Clock,
  ) {}

  /** The moment of a query parameter. Throws `horizon-exceeded` for one too long ago, `request-invalid` for one that is yet to come. */
  require(text: string, parameter: string): Date {
    const moment = new Date(text)
    const now = this.clock.nowMs()
    const { horizonMs } = this.configuration.history
    if (moment.getTime() > now) {
      const detail = 'This moment is yet to come.'
      throw new PharosError('request-invalid', detail, { errors: [{ pointer: `#/query/${parameter}`, detail }] })
    }
    if (moment.getTime() < now - horizonMs)
      throw new PharosError(
        'horizon-exceeded',
        `History reaches back to ${new Date(now - horizonMs).toISOString()}; ${parameter} is before that.`,
        { errors: [{ pointer: `#/query/${parameter}`, detail: 'Too long ago' }] },
      )
    return moment
  }
}
