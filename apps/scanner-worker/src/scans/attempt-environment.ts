import { Injectable } from '@nestjs/common'
import { type Clock, InjectClock, PharosLogger } from '@pharos/service-kit'

/** Clock and log of attempts. */
@Injectable()
export class AttemptEnvironment {
  constructor(
    @InjectClock() readonly clock: Clock,
    readonly logger: PharosLogger,
  ) {}
}
