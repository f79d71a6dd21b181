import { Injectable } from '@nestjs/common'
import { type WorkerRow, WorkersRepository } from './workers.repository.js'

/** Workers that have not been heard of for so long are not shown any more. */
const shownSeconds = 180

/** Which workers there are and what they can do. */
@Injectable()
export class WorkersService {
  constructor(private readonly workers: WorkersRepository) {}

  heartbeat(worker: Omit<WorkerRow, 'lastSeenAt'>): Promise<void> {
    return this.workers.put(worker)
  }

  present(): Promise<WorkerRow[]> {
    return this.workers.seenWithin(shownSeconds)
  }
}
