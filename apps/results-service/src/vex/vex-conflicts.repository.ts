import { Injectable } from '@nestjs/common'
import type { DecisionStatus } from '@pharos/contracts'
import type { VisibleRepositories } from '../access/repository-scope.js'
import { rows } from '../database/sql.js'
import { Database } from '../database/transaction.js'
import { visible } from '../inventory/visibility.js'

/** A decision and a statement that contradicts it. */
export interface ConflictRow {
  finding_id: string
  digest: string
  canonical_id: string
  package_name: string
  package_version: string
  source: 'triage' | 'vex'
  status: DecisionStatus
  decided_by: string
  own_author: string | null
  document_id: string | null
  decided_at: Date
  other_status: DecisionStatus
  other_author: string | null
  other_uploaded_by: string
  other_document_id: string
  other_at: Date
}

/** Reads contradictions between decisions and VEX statements. */
@Injectable()
export class VexConflictsRepository {
  constructor(private readonly database: Database) {}

  /**
   * In the order of findings. Against a person stands the newest trusted statement; against a document, that of another document than
   * a version of itself.
   */
  async list(scope: VisibleRepositories, after: string | null, limit: number): Promise<ConflictRow[]> {
    return rows<ConflictRow>(
      this.database.runner,
      `select d.finding_id, i.digest, g.canonical_id, p.name as package_name, p.version as package_version, d.source, d.status, d.decided_by, own.author as own_author, d.document_id,
              coalesce(own.at, d.decided_at) as decided_at,
              x.status as other_status, x.author as other_author, x.uploaded_by as other_uploaded_by, x.document_id as other_document_id, x.at as other_at
         from finding_decision d join finding f on f.id = d.finding_id and f.is_open join image i on i.id = d.image_id
         join vulnerability v on v.id = f.vulnerability_id join vulnerability_group g on g.id = v.group_id join package p on p.id = f.package_id
         left join lateral (
           select c.author, c.document_id, s.at from vex_statement s join vex_document c on c.id = s.document_id where s.id = d.statement_id) own on true
         join lateral (
           select s.status, s.at, c.author, c.uploaded_by, c.id as document_id
             from vex_match m join vex_statement s on s.id = m.statement_id join vex_document c on c.id = s.document_id
            where m.finding_id = d.finding_id and m.is_trusted and c.state <> 'removing'
              and (d.source = 'triage' or (c.id <> d.document_id and (c.document_id, c.author) is distinct from (own.document_id, own.author)))
            order by s.at desc, c.uploaded_at desc, c.id desc, s.position desc limit 1) x on x.status <> d.status
        where ($2::uuid is null or d.finding_id > $2) and ${visible('d.image_id', 1)} order by d.finding_id limit $3`,
      [scope, after, limit],
    )
  }
}
