import { Injectable } from '@nestjs/common'
import type { EngineName, EngineReport, ReportMisconfiguration, ReportSecret } from '@pharos/contracts'
import { rows } from '../database/sql.js'
import type { Transaction } from '../database/transaction.js'
import { plainArray, textArray } from '../ingest/array-parameter.js'
import { engineCode, severityCode } from '../inventory/column-codes.js'
import { contentHash } from '../inventory/content-hash.js'

/** Tables of findings that are no vulnerabilities. */
export type IssueTable = 'secret_finding' | 'misconfiguration_finding'

/** Whose issues are stored, and when. */
export interface IssueReport {
  readonly image: { readonly id: number; readonly digest: string }
  readonly engine: EngineName
  readonly isWhole: boolean
  /** The engine has had no good result before, so that nothing is stored yet. */
  readonly isFirst: boolean
  readonly at: Date
}

interface Issue {
  readonly id: string
  readonly severity: number
  readonly body: string
}

/** Secrets and misconfigurations of images. There are few of them: each good result writes those that it shows. */
@Injectable()
export class IssueStore {
  /** Stores what one engine found besides vulnerabilities. */
  async store(
    tx: Transaction,
    report: IssueReport,
    found: Pick<EngineReport, 'secrets' | 'misconfigurations'>,
  ): Promise<{ appeared: number; gone: number }> {
    const secrets = await this.storeTable(tx, 'secret_finding', report, issuesOf(report, found.secrets, secretKey))
    const misconfigurations = await this.storeTable(
      tx,
      'misconfiguration_finding',
      report,
      issuesOf(report, found.misconfigurations, misconfigurationKey),
    )
    return { appeared: secrets.appeared + misconfigurations.appeared, gone: secrets.gone + misconfigurations.gone }
  }

  private async storeTable(
    tx: Transaction,
    table: IssueTable,
    { image, engine, isWhole, isFirst, at }: IssueReport,
    issues: readonly Issue[],
  ) {
    if (isFirst && issues.length === 0) return { appeared: 0, gone: 0 }
    const open = await rows<{ id: string }>(tx, `select id from ${table} where image_id = $1 and engine = $2 and is_open`, [
      image.id,
      engineCode(engine),
    ])
    const wasOpen = new Set(open.map(({ id }) => id))
    const isNow = new Set(issues.map(({ id }) => id))
    if (issues.length > 0) {
      await tx.query(
        `insert into ${table} (id, image_id, engine, severity, body, first_seen_at, last_seen_at)
         select i, $1, $2, s, b::json, $3, $3 from unnest($4::uuid[], $5::int2[], $6::text[]) as t(i, s, b)
         on conflict (id) do update set severity = excluded.severity, body = excluded.body, last_seen_at = excluded.last_seen_at, is_open = true`,
        [
          image.id,
          engineCode(engine),
          at,
          plainArray(issues.map(({ id }) => id)),
          plainArray(issues.map(({ severity }) => severity)),
          textArray(issues.map(({ body }) => body)),
        ],
      )
    }
    const gone = isWhole ? [...wasOpen].filter((id) => !isNow.has(id)) : []
    if (gone.length > 0) await tx.query(`update ${table} set is_open = false where id = any ($1::uuid[])`, [plainArray(gone)])
    return { appeared: issues.filter(({ id }) => !wasOpen.has(id)).length, gone: gone.length }
  }
}

function issuesOf<T extends ReportSecret | ReportMisconfiguration>(
  { image, engine }: IssueReport,
  found: readonly T[],
  keyOf: (item: T) => readonly unknown[],
): Issue[] {
  const seen = new Map<string, number>()
  return found.map((item) => {
    const key = JSON.stringify(keyOf(item))
    const ordinal = seen.get(key) ?? 0
    seen.set(key, ordinal + 1)
    return { id: contentHash(image.digest, engine, key, ordinal), severity: severityCode(item.severity), body: JSON.stringify(item) }
  })
}

const secretKey = (secret: ReportSecret): readonly unknown[] => ['secret', secret.rule, secret.path, secret.startLine, secret.endLine]
const misconfigurationKey = (found: ReportMisconfiguration): readonly unknown[] => [
  'misconfiguration',
  found.check,
  found.target,
  found.message,
]
