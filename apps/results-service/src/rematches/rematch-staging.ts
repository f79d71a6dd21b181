import { Injectable } from '@nestjs/common'
import {
  matchBody,
  type PackageChunkResults,
  PharosError,
  type RematchChunkAnswer,
  type ReportVulnerability,
  type ScoreChunkResults,
} from '@pharos/contracts'
import { matchContentHash, vulnerabilityKey } from '@pharos/service-kit'
import { oneRow } from '../database/sql.js'
import type { Transaction } from '../database/transaction.js'
import { plainArray, textArray } from '../ingest/array-parameter.js'
import { fixStateCode } from '../inventory/column-codes.js'
import { storedText } from '../inventory/stored-text.js'
import { scoreOf, storedRisk } from '../vulnerabilities/vulnerability-store.js'
import { openMatchHash } from './open-match-hash.js'

/** Whose results are staged. */
export interface StagedChunk {
  readonly rematchId: string
  readonly engineCode: number
  readonly ids: readonly number[]
}

/** Codes of rematch_unit.state. */
export const unitStates = { matched: 1, skipped: 2, failed: 3 } as const

/**
 * Keeps what a re-match finds beside what is stored: only differences to the open matches, and nothing that is visible. To be
 * run under REPEATABLE READ, so that what is compared and what is hashed is the same.
 */
@Injectable()
export class RematchStaging {
  /** `repeat` when the worker has left out a match that is not open any more: then nothing is staged. Throws `report-invalid`. */
  async stagePackages(tx: Transaction, chunk: StagedChunk, results: PackageChunkResults): Promise<RematchChunkAnswer['outcome']> {
    requireFit(chunk, results)
    const keys = results.vulnerabilities.map(({ key }) => key)
    const given = results.matches.map((match) => ({
      ...match,
      key: keys[match.vulnerability] ?? '',
      contentHash: match.content === null ? match.contentHash : matchContentHash(match.content),
    }))
    const columns = [
      plainArray(given.map(({ unit }) => unit)),
      plainArray(given.map(({ key }) => key)),
      plainArray(given.map(({ contentHash }) => contentHash)),
    ]
    const [units, open] = [plainArray(chunk.ids), chunk.engineCode]
    const changed = await oneRow(
      tx,
      `with ${openMatches(4, 5)}, given as (select * from unnest($1::int8[], $2::uuid[], $3::uuid[], $6::bool[]) as t(package_id, key_hash, content_hash, has_content))
       select from given where not has_content and not exists (select from open where ${isAlike('open', 'given')}) limit 1`,
      [...columns, units, open, plainArray(given.map(({ content }) => content !== null))],
    )
    if (changed !== null) return 'repeat'
    await this.forget(tx, chunk)
    await this.stageUnits(tx, chunk, results)
    await tx.query(
      `with ${openMatches(4, 5)}, given as (select * from unnest($1::int8[], $2::uuid[], $3::uuid[]) as t(package_id, key_hash, content_hash))
       insert into rematch_gone (rematch_id, package_id, match_id)
       select $6, open.package_id, open.id from open join rematch_unit u on u.rematch_id = $6 and u.package_id = open.package_id and u.state = ${unitStates.matched}
        where not exists (select from given where ${isAlike('open', 'given')})`,
      [...columns, units, open, chunk.rematchId],
    )
    const full = given.filter(({ content }) => content !== null)
    await tx.query(
      `with ${openMatches(4, 5)}, given as (select * from unnest($1::int8[], $2::uuid[], $3::uuid[], $7::int2[], $8::text[]) as t(package_id, key_hash, content_hash, fix_state, body))
       insert into rematch_match (rematch_id, package_id, vulnerability_key, fix_state, content_hash, body)
       select distinct on (package_id, key_hash) $6::uuid, package_id, key_hash, fix_state, content_hash, body from given
        where not exists (select from open where ${isAlike('open', 'given')}) order by package_id, key_hash, content_hash`,
      [
        plainArray(full.map(({ unit }) => unit)),
        plainArray(full.map(({ key }) => key)),
        plainArray(full.map(({ contentHash }) => contentHash)),
        units,
        open,
        chunk.rematchId,
        plainArray(full.map(({ content }) => fixStateCode(content?.fixState ?? 'unknown'))),
        textArray(full.map(({ content }) => (content === null ? '{}' : matchBody(content)))),
      ],
    )
    await this.storeKeys(tx, results)
    await this.stageVulnerabilities(
      tx,
      chunk.rematchId,
      results.vulnerabilities.flatMap(({ document }) => document ?? []),
    )
    return 'stored'
  }

  /** Scores that differ from those stored, and records that do. */
  async stageScores(tx: Transaction, chunk: StagedChunk, { scores }: ScoreChunkResults): Promise<void> {
    const known = new Set(chunk.ids)
    if (scores.some(({ id }) => !known.has(id))) throw new PharosError('report-invalid', 'A score is of no vulnerability of this chunk.')
    await tx.query(
      `insert into rematch_score (rematch_id, vulnerability_id, risk, epss, percentile, body)
       select $1, t.* from unnest($2::int8[], $3::real[], $4::float8[], $5::float8[], $6::text[]) as t(id, risk, epss, percentile, body)
         left join vulnerability_score s on s.vulnerability_id = t.id where s.body is distinct from t.body or s.risk is distinct from t.risk
       on conflict (rematch_id, vulnerability_id) do update set risk = excluded.risk, epss = excluded.epss, percentile = excluded.percentile, body = excluded.body`,
      [
        chunk.rematchId,
        plainArray(scores.map(({ id }) => id)),
        plainArray(scores.map(({ risk }) => storedRisk(risk))),
        plainArray(scores.map(({ epss }) => epss?.probability ?? null)),
        plainArray(scores.map(({ epss }) => epss?.percentile ?? null)),
        textArray(scores.map((score) => scoreOf(score))),
      ],
    )
    await this.stageVulnerabilities(
      tx,
      chunk.rematchId,
      scores.flatMap(({ document, risk }) => (document === null ? [] : [{ vulnerability: document, risk }])),
    )
  }

  /** Packages that are matched once more have what was staged of them replaced. */
  private async forget(tx: Transaction, { rematchId, ids }: StagedChunk): Promise<void> {
    for (const table of ['rematch_unit', 'rematch_match', 'rematch_gone'])
      await tx.query(`delete from ${table} where rematch_id = $1 and package_id = any ($2::int8[])`, [rematchId, plainArray(ids)])
  }

  private async stageUnits(tx: Transaction, chunk: StagedChunk, { skipped, failed }: PackageChunkResults): Promise<void> {
    const states = new Map<number, number>(skipped.map((id) => [id, unitStates.skipped]))
    for (const { id } of failed) states.set(id, unitStates.failed)
    // A package whose input has gone meanwhile was not given out: it has no row, and counts as not covered.
    await tx.query(
      `with open_hash as (${openMatchHash('$3', 'm.package_id = any ($4::int8[])')})
       insert into rematch_unit (rematch_id, package_id, state, open_hash)
       select $1, t.id, t.state, coalesce(h.hash, 0) from unnest($4::int8[], $2::int2[]) as t(id, state) join package_input i on i.package_id = t.id
         left join open_hash h on h.package_id = t.id`,
      [chunk.rematchId, plainArray(chunk.ids.map((id) => states.get(id) ?? unitStates.matched)), chunk.engineCode, plainArray(chunk.ids)],
    )
    if (failed.length === 0) return
    const [first] = failed
    await tx.query('update rematch set problem = $2 where id = $1', [
      chunk.rematchId,
      storedText(`${failed.length} packages of a chunk could not be matched, e.g. ${first?.id}: ${first?.reason}`),
    ])
  }

  /** What packages are searched for by: of the package alone, so that the next difference of databases chooses by it. */
  private async storeKeys(tx: Transaction, { keys }: PackageChunkResults): Promise<void> {
    if (keys === undefined) return
    await tx.query(
      `insert into package_search (package_id, version, keys)
       select i.package_id, $1, t.keys::int8[] from unnest($2::int8[], $3::text[]) as t(id, keys) join package_input i on i.package_id = t.id order by 1
       on conflict (package_id) do update set version = excluded.version, keys = excluded.keys
        where (package_search.version, package_search.keys) is distinct from (excluded.version, excluded.keys)`,
      [keys.version, plainArray(keys.units.map(([id]) => id)), textArray(keys.units.map(([, list]) => plainArray(list)))],
    )
  }

  private async stageVulnerabilities(
    tx: Transaction,
    rematchId: string,
    documents: readonly { vulnerability: ReportVulnerability; risk: number }[],
  ): Promise<void> {
    if (documents.length === 0) return
    // In the order of their keys: two chunks that bring the same news wait for each other instead of locking each other out.
    const items = [...new Map(documents.map((document) => [vulnerabilityKey(document.vulnerability), document]))].sort(([one], [other]) =>
      one < other ? -1 : 1,
    )
    await tx.query(
      `insert into rematch_vulnerability (rematch_id, key_hash, risk, body) select $1, t.* from unnest($2::uuid[], $3::real[], $4::text[]) as t(k, r, b)
       on conflict (rematch_id, key_hash) do nothing`,
      [
        rematchId,
        plainArray(items.map(([key]) => key)),
        plainArray(items.map(([, { risk }]) => storedRisk(risk))),
        textArray(items.map(([, { vulnerability }]) => JSON.stringify(vulnerability))),
      ],
    )
  }
}

/** The open matches of the packages that a parameter holds, of the engine that another holds. */
const openMatches = (packages: number, engine: number): string =>
  `open as materialized (select m.id, m.package_id, v.key_hash, m.content_hash from package_match m join vulnerability v on v.id = m.vulnerability_id
     where m.is_open and m.engine = $${engine}::int2 and m.package_id = any ($${packages}::int8[]))`

const isAlike = (one: string, other: string): string =>
  ['package_id', 'key_hash', 'content_hash'].map((column) => `${one}.${column} = ${other}.${column}`).join(' and ')

function requireFit(chunk: StagedChunk, results: PackageChunkResults): void {
  const units = new Set(chunk.ids)
  const isUnknown = (id: number): boolean => !units.has(id)
  const keyed = results.keys?.units.map(([id]) => id) ?? []
  const named = [...results.skipped, ...keyed, ...results.failed.map(({ id }) => id), ...results.matches.map(({ unit }) => unit)]
  if (named.some(isUnknown)) throw new PharosError('report-invalid', 'A result is of no package of this chunk.')
  if (results.matches.some(({ vulnerability }) => vulnerability >= results.vulnerabilities.length))
    throw new PharosError('report-invalid', 'A match names a vulnerability that the results do not hold.')
  const unmatched = new Set([...results.skipped, ...results.failed.map(({ id }) => id)])
  if (results.matches.some(({ unit }) => unmatched.has(unit)))
    throw new PharosError('report-invalid', 'A match is of a package that was not matched.')
  for (const { key, document } of results.vulnerabilities) {
    if (document !== null && vulnerabilityKey(document.vulnerability) !== key)
      throw new PharosError('report-invalid', 'A vulnerability does not have the key that it is listed under.')
  }
}
