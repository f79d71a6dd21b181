import { Injectable } from '@nestjs/common'
import type { Principal } from '@pharos/contracts'
import type { Transaction } from '../database/transaction.js'

/** A change that somebody made. */
export interface AuditedChange {
  /** `<thing>.<verb>`, e.g. registry.update. */
  readonly action: string
  /** What was changed, e.g. a host or a digest. */
  readonly subject: string
  /** Facts about the change; never a secret. */
  readonly detail?: Readonly<Record<string, unknown>>
}

/** Writes who changed what, in the transaction of the change. */
@Injectable()
export class AuditLog {
  async record(tx: Transaction, principal: Pick<Principal, 'id'>, change: AuditedChange): Promise<void> {
    await tx.query('insert into audit_event (principal, action, subject, detail) values ($1, $2, $3, $4)', [
      principal.id,
      change.action,
      change.subject,
      JSON.stringify(change.detail ?? {}),
    ])
  }
}
