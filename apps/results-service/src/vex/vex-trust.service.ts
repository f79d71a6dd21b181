import { Injectable } from '@nestjs/common'
import { PharosError, type Principal, type PutVexTrust, type VexTrust } from '@pharos/contracts'
import { type Clock, InjectClock } from '@pharos/service-kit'
import { AuditLog } from '../audit/audit-log.js'
import { Database } from '../database/transaction.js'
import { matchesVersion } from '../inventory/version-tag.js'
import { VexApplicationService } from './vex-application.service.js'
import { VexDocumentsRepository } from './vex-documents.repository.js'
import { defaultTrustRules } from './vex-trust.js'
import { VexTrustRepository } from './vex-trust.repository.js'

const patienceMs = 20_000

/** Whose statements decide. */
@Injectable()
export class VexTrustService {
  constructor(
    private readonly trust: VexTrustRepository,
    private readonly documents: VexDocumentsRepository,
    private readonly application: VexApplicationService,
    private readonly audit: AuditLog,
    private readonly database: Database,
    @InjectClock() private readonly clock: Clock,
  ) {}

  async get(): Promise<VexTrust> {
    const row = await this.trust.find()
    if (row === null) return { rules: [...defaultTrustRules], version: 0, updatedBy: null, updatedAt: null }
    return { rules: row.rules, version: row.version, updatedBy: row.updated_by, updatedAt: row.updated_at.toISOString() }
  }

  /** Replaces the rules; all documents are judged anew. Throws `precondition-required` and `precondition-failed`. */
  async put({ rules }: PutVexTrust, ifMatch: string | undefined, principal: Principal): Promise<VexTrust> {
    if (ifMatch === undefined) throw new PharosError('precondition-required', 'Send the ETag of the rules as If-Match.')
    await this.database.inTransaction(async (tx) => {
      await this.documents.lock(tx, null)
      await this.documents.holdMatching(tx)
      if (!matchesVersion(ifMatch, await this.trust.versionOf(tx)))
        throw new PharosError('precondition-failed', 'Somebody has changed the rules meanwhile. Read them again.')
      await this.trust.put(tx, rules, principal.id, this.clock.now())
      await this.documents.startApplyingAll(tx)
      await this.audit.record(tx, principal, {
        action: 'vex.trust',
        subject: 'vex/trust',
        detail: { rules: rules.map(({ name }) => name) },
      })
    })
    await this.application.settle(this.clock.nowMs() + patienceMs)
    return this.get()
  }
}
