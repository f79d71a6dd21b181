import { Injectable } from '@nestjs/common'
import { type EngineName, PharosError } from '@pharos/contracts'
import { rows } from '../database/sql.js'
import type { Transaction } from '../database/transaction.js'
import { jsonArray, plainArray } from '../ingest/array-parameter.js'
import type { Lines } from '../ingest/received-report.js'
import { engineCode } from '../inventory/column-codes.js'
import type { FactsOfTransaction, KnownMatches } from '../inventory/known-facts.js'
import { insertFreshMatches, matchFacts } from './fresh-matches.js'

/** The matches of a package by an engine, as a report spells them. */
export interface WantedMatches {
  readonly packageId: number
  /** The package was stored in this transaction: no match of it is there, and no other transaction can insert one. */
  readonly isNewPackage: boolean
  /** Of each line. */
  readonly vulnerabilityIds: readonly number[]
  /** A line each: `<fixState> <body>`. */
  readonly lines: Lines
  /** Of all lines. */
  readonly hash: string
}

/** How a wanted match stands to the open one of its key. */
type Standing = 'missing' | 'same' | 'replaced' | 'ended'

interface Wanted {
  readonly packageId: number
  readonly vulnerabilityId: number
  readonly fixState: number
  /** JSON. */
  readonly body: Buffer
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
   * Makes sure that the matches are stored as given, and returns them in the order of the groups. News of another database
   * generation ends the open interval of a match and begins the next; news of the same generation replaces what is stored.
   */
  async ensure(
    tx: Transaction,
    known: FactsOfTransaction,
    engine: EngineName,
    generationId: string | null,
    groups: readonly WantedMatches[],
  ): Promise<KnownMatches[]> {
    const ambiguous = ambiguousPackages(groups)
    const keys = groups.map(({ packageId, hash }) => `${engine} ${packageId} ${hash}`)
    const found = groups.map((group, position) => {
      const fact = ambiguous.has(group.packageId) ? undefined : known.get('matches', keys[position] ?? '')
      return fact !== undefined && isSame(fact.vulnerabilityIds, group.vulnerabilityIds) ? fact : null
    })
    const fresh = await this.insertFresh(
      tx,
      engine,
      generationId,
      groups.filter((group, position) => found[position] === null && group.isNewPackage && !ambiguous.has(group.packageId)),
    )
    const wanted = new Map<string, Wanted>()
    for (const [position, group] of groups.entries()) {
      if (found[position] === null && !fresh.has(group.packageId)) for (const item of wantedOf(group)) wanted.set(keyOf(item), item)
    }
    const ids = await this.ensureEach(tx, engine, generationId, [...wanted.values()])
    return groups.map((group, position) => {
      const fact = found[position]
      if (fact) return fact
      const inserted = fresh.get(group.packageId)
      if (inserted !== undefined) {
        known.addMatches(keys[position] ?? '', inserted)
        return inserted
      }
      const items = group.vulnerabilityIds.map((vulnerabilityId) => wanted.get(matchKey(group.packageId, vulnerabilityId)))
      const stored = {
        vulnerabilityIds: group.vulnerabilityIds,
        matchIds: items.map((item) => ids.get(keyOf(item)) ?? 0),
        fixStates: items.map((item) => item?.fixState ?? 0),
      }
      if (!ambiguous.has(group.packageId)) known.addMatches(keys[position] ?? '', stored)
      return stored
    })
  }

  /** By package. A package that stands at several places has the same matches in each. */
  private async insertFresh(
    tx: Transaction,
    engine: EngineName,
    generationId: string | null,
    groups: readonly WantedMatches[],
  ): Promise<Map<number, KnownMatches>> {
    const ordered = [...new Map(groups.map((group) => [group.packageId, group])).values()].sort(
      (one, other) => one.packageId - other.packageId,
    )
    const stored = await insertFreshMatches(tx, engineCode(engine), generationId, ordered)
    return new Map(ordered.map(({ packageId }, position) => [packageId, stored[position] ?? neverStored()]))
  }

  /** The ids of the matches by `matchKey`. */
  private async ensureEach(
    tx: Transaction,
    engine: EngineName,
    generationId: string | null,
    unordered: readonly Wanted[],
  ): Promise<Map<string, number>> {
    const ids = new Map<string, number>()
    if (unordered.length === 0) return ids
    const wanted = [...unordered].sort((one, other) => one.packageId - other.packageId || one.vulnerabilityId - other.vulnerabilityId)
    const found = await this.load(tx, engine, generationId, wanted)
    const of = (standing: Standing): number[] => [...found.keys()].filter((position) => found[position]?.standing === standing)
    const items = (positions: readonly number[]): Wanted[] => positions.flatMap((position) => wanted[position] ?? [])
    const idsOf = (positions: readonly number[]): string => plainArray(positions.map((position) => found[position]?.id ?? null))
    for (const position of [...of('same'), ...of('replaced')]) ids.set(keyOf(wanted[position]), found[position]?.id ?? 0)
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
         select p, v, $1, f, c, b, $2 from unnest($3::int8[], $4::int8[], $5::int2[], $6::uuid[], $7::json[]) as t(p, v, f, c, b)
         on conflict (package_id, vulnerability_id, engine) where is_open do nothing
         returning id, package_id, vulnerability_id
       )
       select string_agg(package_id || '/' || vulnerability_id || ' ' || id, ',') as inserted from inserted`,
      [
        engineCode(engine),
        generationId,
        plainArray(items.map(({ packageId }) => packageId)),
        plainArray(items.map(({ vulnerabilityId }) => vulnerabilityId)),
        plainArray(items.map(({ fixState }) => fixState)),
        plainArray(items.map((item) => item.contentHash)),
        jsonArray(items.map(({ body }) => body)),
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
      `update package_match m set fix_state = f, content_hash = c, body = b from unnest($1::int8[], $2::int2[], $3::uuid[], $4::json[]) as t(i, f, c, b) where m.id = t.i`,
      [
        ids,
        plainArray(items.map(({ fixState }) => fixState)),
        plainArray(items.map((item) => item.contentHash)),
        jsonArray(items.map(({ body }) => body)),
      ],
    )
  }
}

/** Packages that stand at several places of an image and match otherwise in one than in another: the last one tells. */
function ambiguousPackages(groups: readonly WantedMatches[]): Set<number> {
  const first = new Map<number, WantedMatches>()
  const ambiguous = new Set<number>()
  for (const group of groups) {
    const other = first.get(group.packageId)
    if (other === undefined) first.set(group.packageId, group)
    else if (other.hash !== group.hash || !isSame(other.vulnerabilityIds, group.vulnerabilityIds)) ambiguous.add(group.packageId)
  }
  // Two advisories of a report may turn out to be one record.
  for (const { packageId, vulnerabilityIds } of groups)
    if (new Set(vulnerabilityIds).size < vulnerabilityIds.length) ambiguous.add(packageId)
  return ambiguous
}

function isSame(one: readonly number[], other: readonly number[]): boolean {
  return one.length === other.length && one.every((value, position) => value === other[position])
}

/** Lines that are not known, checked. Throws `report-invalid`. */
function wantedOf({ packageId, vulnerabilityIds, lines }: WantedMatches): Wanted[] {
  return vulnerabilityIds.map((vulnerabilityId, position) => ({
    packageId,
    vulnerabilityId,
    ...matchFacts(lines.bytes(position)),
    contentHash: lines.hash(position),
  }))
}

const keyOf = (item: Wanted | undefined): string => (item === undefined ? '' : matchKey(item.packageId, item.vulnerabilityId))

/** Key of a match within an engine. */
function matchKey(packageId: number, vulnerabilityId: number): string {
  return `${packageId}/${vulnerabilityId}`
}

function neverStored(): never {
  throw new PharosError('internal-error', 'A match was not stored.')
}
