import { Injectable } from '@nestjs/common'
import type { Transaction } from '../database/transaction.js'
import { EventLog } from '../events/event-log.js'
import { ScanStorage, type StoredReport } from '../runs/scan-storage.js'

/** Hands a report to the inventory and writes the events that it brings about. */
@Injectable()
export class ReportIntake {
  constructor(
    private readonly storage: ScanStorage,
    private readonly events: EventLog,
  ) {}

  async store(tx: Transaction, input: Parameters<ScanStorage['store']>[1]): Promise<StoredReport> {
    const stored = await this.storage.store(tx, {
      report: input.report,
      run: { id: input.run.id, digest: input.run.digest },
      attempt: { id: input.attempt.id },
    })
    await this.events.append(tx, stored.events)
    return stored
  }
}
