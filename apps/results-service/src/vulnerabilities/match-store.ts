import { Injectable } from '@nestjs/common'
import type { EngineName, ReportMatch } from '@pharos/contracts'
import { rows } from '../database/sql.js'
import type { Transaction } from '../database/transaction.js'
import { plainArray, textArray } from '../ingest/array-parameter.js'
import { engineCode, fixStateCode } from '../inventory/column-codes.js'
import { contentHash } from '../inventory/content-hash.js'

/** A match of an engine: which package, which vulnerability, and what the engine said. */
export interface WantedMatch {
  readonly packageId: number
  readonly vulnerabilityId: number
  readonly match: ReportMatch
}

interface Known {
  readonly id: number
  readonly contentHash: string
  readonly sinceGeneration: string | null
}

interface Wanted extends WantedMatch {
  readonly body: string
  readonly contentHash: string
}

interface MatchRow {
  id: string
  package_id: string
  vulnerability_id: string
  content_hash: string
  since_generation: string | null
}

/** Matches of packages: fix and details are kept once for a package and not once for an image. */
@Injectable()
export class MatchStore {
  /**
   * Makes sure that the matches are stored as given, and returns their ids by `matchKey`. News of another database generation
   * ends the open interval of a match and begins the next; news of the same generation replaces what is stored.
   */
  async ensure(tx: Transaction, engine: EngineName, generationId: string | null, matches: readonly WantedMatch[]): Promise<Map<string, number>> {
    const wanted = new Map<string, Wanted>()
    for (const item of matches) {
      const { fixState, fixVersions, fixAvailable, details } = item.match
      const body = JSON.stringify({ fixVersions, fixAvailable, details })
      wanted.set(matchKey(item.packageId, item.vulnerabilityId), { ...item, body, contentHash: contentHash(fixState, body) })
    }
    if (wanted.size === 0) return new Map()
    let known = await this.load(tx, engine, [...wanted.values()])
    const changed = [...wanted].filter(([key, want]) => known.has(key) && known.get(key)?.contentHash !== want.contentHash).sort(byIdOf(known))
    const replaced = changed.filter(([key]) => known.get(key)?.sinceGeneration === generationId)
    const ended = changed.filter(([key]) => known.get(key)?.sinceGeneration !== generationId)
    if (replaced.length > 0) await this.replace(tx, replaced, known)
    if (ended.length > 0) await this.end(tx, ended, known, generationId)
    const missing = [...wanted].filter(([key]) => !known.has(key)).concat(ended)
    if (missing.length > 0) {
      const inserted = await this.insert(tx, engine, generationId, missing.map(([, want]) => want))
      for (const [key] of ended) known.delete(key)
      for (const [key, row] of inserted) known.set(key, row)
      // What another transaction inserted meanwhile has committed by now.
      if (known.size < wanted.size) known = await this.load(tx, engine, [...wanted.values()])
    }
    return new Map([...known].map(([key, row]) => [key, row.id]))
  }

  private async load(tx: Transaction, engine: EngineName, wanted: readonly Wanted[]): Promise<Map<string, Known>> {
    const found = await rows<MatchRow>(
      tx,
      `select m.id, m.package_id, m.vulnerability_id, m.content_hash, m.since_generation
         from unnest($1::int8[], $2::int8[]) as w(p, v) join package_match m on m.package_id = w.p and m.vulnerability_id = w.v and m.engine = $3 and m.is_open`,
      [plainArray(wanted.map(({ packageId }) => packageId)), plainArray(wanted.map(({ vulnerabilityId }) => vulnerabilityId)), engineCode(engine)],
    )
    return byKey(found)
  }

  private async insert(tx: Transaction, engine: EngineName, generationId: string | null, missing: readonly Wanted[]): Promise<Map<string, Known>> {
    const items = [...missing].sort((one, other) => one.packageId - other.packageId || one.vulnerabilityId - other.vulnerabilityId)
    const inserted = await rows<MatchRow>(
      tx,
      `insert into package_match (package_id, vulnerability_id, engine, fix_state, content_hash, body, since_generation)
       select p, v, $1, f, c, b::json, $2 from unnest($3::int8[], $4::int8[], $5::int2[], $6::uuid[], $7::text[]) as t(p, v, f, c, b)
       on conflict (package_id, vulnerability_id, engine) where is_open do nothing returning id, package_id, vulnerability_id, content_hash, since_generation`,
      [
        engineCode(engine), generationId,
        plainArray(items.map(({ packageId }) => packageId)), plainArray(items.map(({ vulnerabilityId }) => vulnerabilityId)),
        plainArray(items.map(({ match }) => fixStateCode(match.fixState))), plainArray(items.map((item) => item.contentHash)), textArray(items.map(({ body }) => body)),
      ],
    )
    return byKey(inserted)
  }

  private async end(tx: Transaction, ended: readonly [string, Wanted][], known: ReadonlyMap<string, Known>, generationId: string | null): Promise<void> {
    const ids = plainArray(ended.map(([key]) => known.get(key)?.id ?? null))
    await tx.query('select from package_match where id = any ($1::int8[]) order by id for update', [ids])
    await tx.query('update package_match set is_open = false, until_generation = $2 where id = any ($1::int8[]) and is_open', [ids, generationId])
  }

  private async replace(tx: Transaction, replaced: readonly [string, Wanted][], known: ReadonlyMap<string, Known>): Promise<void> {
    const ids = plainArray(replaced.map(([key]) => known.get(key)?.id ?? null))
    await tx.query('select from package_match where id = any ($1::int8[]) order by id for update', [ids])
    await tx.query(
      `update package_match m set fix_state = f, content_hash = c, body = b::json from unnest($1::int8[], $2::int2[], $3::uuid[], $4::text[]) as t(i, f, c, b) where m.id = t.i`,
      [ids, plainArray(replaced.map(([, { match }]) => fixStateCode(match.fixState))), plainArray(replaced.map(([, want]) => want.contentHash)), textArray(replaced.map(([, { body }]) => body))],
    )
  }
}

/** Key of a match within an engine. */
export function matchKey(packageId: number, vulnerabilityId: number): string {
  return `${packageId}/${vulnerabilityId}`
}

function byKey(found: readonly MatchRow[]): Map<string, Known> {
  return new Map(
    found.map((row) => [
      matchKey(Number(row.package_id), Number(row.vulnerability_id)),
      { id: Number(row.id), contentHash: row.content_hash, sinceGeneration: row.since_generation },
    ]),
  )
}

function byIdOf(known: ReadonlyMap<string, Known>) {
  return ([one]: [string, Wanted], [other]: [string, Wanted]): number => (known.get(one)?.id ?? 0) - (known.get(other)?.id ?? 0)
}
