import { Injectable } from '@nestjs/common'
import { type EngineName, matchBody, matchContentHash, type ReportMatch } from '@pharos/contracts'
import { rows } from '../database/sql.js'
import type { Transaction } from '../database/transaction.js'
import { plainArray, textArray } from '../ingest/array-parameter.js'
import { engineCode, fixStateCode } from '../inventory/column-codes.js'

/** A match of an engine: which package, which vulnerability, and what the engine said. */
export interface WantedMatch {
  readonly packageId: number
  /** The package was stored in this transaction: no match of it can be. */
  readonly isNewPackage: boolean
  readonly vulnerabilityId: number
  readonly match: ReportMatch
}

/** How a wanted match stands to the open one of its key. */
type Standing = 'missing' | 'same' | 'replaced' | 'ended'

interface Wanted extends WantedMatch {
  readonly body: string
  readonly contentHash: string
}

interface Found {
  /** 0 when none is open. */
  readonly id: number
  readonly standing: Standing
}

const standings: Readonly<Record<string, Standing>> = { m: 'missing', s: 'same', r: 'replaced', e: 'ended' }

/** Matches of packages: fix and details are kept once for a package and not once for an image. */
@Injectable()
export class MatchStore {
  /**
   * Makes sure that the matches are stored as given, and returns their ids by `matchKey`. News of another database generation
   * ends the open interval of a match and begins the next; news of the same generation replaces what is stored.
   */
  async ensure(
    tx: Transaction,
    engine: EngineName,
    generationId: string | null,
    matches: readonly WantedMatch[],
  ): Promise<Map<string, number>> {
    const unique = new Map(matches.map((item) => [matchKey(item.packageId, item.vulnerabilityId), item]))
    if (unique.size === 0) return new Map()
    const wanted = [...unique.values()]
      .map(wantedOf)
      .sort((one, other) => one.packageId - other.packageId || one.vulnerabilityId - other.vulnerabilityId)
    const ids = new Map<string, number>()
    const former = wanted.filter((item) => !item.isNewPackage)
    const found = await this.load(tx, engine, generationId, former)
    const of = (standing: Standing): number[] => [...found.keys()].filter((position) => found[position]?.standing === standing)
    const items = (positions: readonly number[]): Wanted[] => positions.flatMap((position) => former[position] ?? [])
    const idsOf = (positions: readonly number[]): string => plainArray(positions.map((position) => found[position]?.id ?? null))
    for (const position of [...of('same'), ...of('replaced')]) ids.set(keyOf(former[position]), found[position]?.id ?? 0)
    const replaced = of('replaced')
    const ended = of('ended')
    if (replaced.length > 0) await this.replace(tx, idsOf(replaced), items(replaced))
    if (ended.length > 0) await this.end(tx, idsOf(ended), generationId)
    const missing = wanted.filter((item) => !ids.has(keyOf(item)))
    for (const [key, id] of await this.insert(tx, engine, generationId, missing)) ids.set(key, id)
    // What another transaction inserted meanwhile has committed by now: the insert waited for it.
    const others = missing.filter((item) => !ids.has(keyOf(item)))
    for (const [position, { id }] of (await this.load(tx, engine, generationId, others)).entries()) ids.set(keyOf(others[position]), id)
    return ids
  }

  /**
   * In the order of `wanted`, as two texts: a row object for each of thousands of matches costs more than the query. Lateral
   * with a limit, so that each is looked up in the index: a join would read the whole table while it is of medium size.
   */
  private async load(tx: Transaction, engine: EngineName, generationId: string | null, wanted: readonly Wanted[]): Promise<Found[]> {
    if (wanted.length === 0) return []
    const [row] = await rows<{ ids: string; standings: string }>(
      tx,
      `select string_agg(coalesce(m.id, 0)::text, ',' order by w.o) as ids,
              string_agg(case when m.id is null then 'm' when m.content_hash = w.h then 's' when m.since_generation is not distinct from $5::uuid then 'r' else 'e' end, '' order by w.o) as standings
         from unnest($1::int8[], $2::int8[], $3::uuid[]) with ordinality as w(p, v, h, o)
         left join lateral (
           select id, content_hash, since_generation from package_match
            where package_id = w.p and vulnerability_id = w.v and engine = $4 and is_open limit 1
         ) m on true`,
      [
        plainArray(wanted.map(({ packageId }) => packageId)),
        plainArray(wanted.map(({ vulnerabilityId }) => vulnerabilityId)),
        plainArray(wanted.map((item) => item.contentHash)),
        engineCode(engine),
        generationId,
      ],
    )
    const states = row?.standings ?? ''
    return (row?.ids ?? '')
      .split(',')
      .map((id, position) => ({ id: Number(id), standing: standings[states[position] ?? 'm'] ?? 'missing' }))
  }

  /** Returns the ids of the inserted ones by `matchKey`; one that is there already is left out. */
  private async insert(
    tx: Transaction,
    engine: EngineName,
    generationId: string | null,
    items: readonly Wanted[],
  ): Promise<[string, number][]> {
    if (items.length === 0) return []
    const [row] = await rows<{ inserted: string | null }>(
      tx,
      `with inserted as (
         insert into package_match (package_id, vulnerability_id, engine, fix_state, content_hash, body, since_generation)
         select p, v, $1, f, c, b::json, $2 from unnest($3::int8[], $4::int8[], $5::int2[], $6::uuid[], $7::text[]) as t(p, v, f, c, b)
         on conflict (package_id, vulnerability_id, engine) where is_open do nothing
         returning id, package_id, vulnerability_id
       )
       select string_agg(package_id || '/' || vulnerability_id || ' ' || id, ',') as inserted from inserted`,
      [
        engineCode(engine),
        generationId,
        plainArray(items.map(({ packageId }) => packageId)),
        plainArray(items.map(({ vulnerabilityId }) => vulnerabilityId)),
        plainArray(items.map(({ match }) => fixStateCode(match.fixState))),
        plainArray(items.map((item) => item.contentHash)),
        textArray(items.map(({ body }) => body)),
      ],
    )
    return (row?.inserted ?? '').split(',').flatMap((text): [string, number][] => {
      const [key = '', id] = text.split(' ')
      return id === undefined ? [] : [[key, Number(id)]]
    })
  }

  private async end(tx: Transaction, ids: string, generationId: string | null): Promise<void> {
    await tx.query('select from package_match where id = any ($1::int8[]) order by id for update', [ids])
    await tx.query('update package_match set is_open = false, until_generation = $2 where id = any ($1::int8[]) and is_open', [
      ids,
      generationId,
    ])
  }

  private async replace(tx: Transaction, ids: string, items: readonly Wanted[]): Promise<void> {
    await tx.query('select from package_match where id = any ($1::int8[]) order by id for update', [ids])
    await tx.query(
      `update package_match m set fix_state = f, content_hash = c, body = b::json from unnest($1::int8[], $2::int2[], $3::uuid[], $4::text[]) as t(i, f, c, b) where m.id = t.i`,
      [
        ids,
        plainArray(items.map(({ match }) => fixStateCode(match.fixState))),
        plainArray(items.map((item) => item.contentHash)),
        textArray(items.map(({ body }) => body)),
      ],
    )
  }
}

function wantedOf(item: WantedMatch): Wanted {
  return { ...item, body: matchBody(item.match), contentHash: matchContentHash(item.match) }
}

const keyOf = (item: WantedMatch | undefined): string => (item === undefined ? '' : matchKey(item.packageId, item.vulnerabilityId))

/** Key of a match within an engine. */
export function matchKey(packageId: number, vulnerabilityId: number): string {
  return `${packageId}/${vulnerabilityId}`
}
