import { Injectable } from '@nestjs/common'
import type { ReportPackage } from '@pharos/contracts'
import { rows } from '../database/sql.js'
import type { Transaction } from '../database/transaction.js'
import { plainArray, textArray } from '../ingest/array-parameter.js'
import { contentHash } from '../inventory/content-hash.js'
import { storedText } from '../inventory/stored-text.js'

/** Where packages are stored. */
export interface StoredPackages {
  /** Ids by hash. */
  readonly ids: ReadonlyMap<string, number>
  /** Ids that this transaction has given: nothing else can refer to them yet. */
  readonly newIds: ReadonlySet<number>
}

/** Packages as facts: stored once for all images, never changed. */
@Injectable()
export class PackageStore {
  /** Makes sure that the packages are stored; those that are missing are inserted, in the order of their hashes. */
  async ensure(tx: Transaction, packages: readonly ReportPackage[], hashes: readonly string[]): Promise<StoredPackages> {
    const wanted = new Map(hashes.map((hash, position) => [hash, packages[position]]))
    const known = await this.load(tx, [...wanted.keys()])
    const missing = [...wanted].filter(([hash]) => !known.has(hash)).sort(([one], [other]) => (one < other ? -1 : 1))
    if (missing.length === 0) return { ids: known, newIds: new Set() }
    const column = (of: (found: ReportPackage) => string | null): Buffer =>
      textArray(missing.map(([, found]) => (found === undefined ? null : storedOrNull(of(found)))))
    const inserted = await rows<IdRow>(
      tx,
      `insert into package (hash, type, name, version, purl, distro, language, detail)
       select h, t, n, v, p, d, l, x::json from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[]) as u(h, t, n, v, p, d, l, x)
       on conflict (hash) do nothing returning id, hash`,
      [
        plainArray(missing.map(([hash]) => hash)),
        column((found) => found.type),
        column((found) => found.name),
        column((found) => found.version),
        column((found) => found.purl),
        column((found) => found.distro),
        column((found) => found.language),
        textArray(missing.map(([, found]) => JSON.stringify({ upstreams: found?.upstreams ?? [], cpes: found?.cpes ?? [] }))),
      ],
    )
    addIds(known, inserted)
    // What another transaction inserted meanwhile has committed by now: the insert waited for it.
    if (known.size < wanted.size)
      addIds(
        known,
        await this.query(
          tx,
          missing.map(([hash]) => hash),
        ),
      )
    return { ids: known, newIds: new Set(inserted.map(({ id }) => Number(id))) }
  }

  private async load(tx: Transaction, hashes: readonly string[]): Promise<Map<string, number>> {
    const known = new Map<string, number>()
    if (hashes.length > 0) addIds(known, await this.query(tx, hashes))
    return known
  }

  private query(tx: Transaction, hashes: readonly string[]): Promise<IdRow[]> {
    return rows<IdRow>(tx, 'select id, hash from package where hash = any ($1::uuid[])', [plainArray(hashes)])
  }
}

interface IdRow {
  id: string
  hash: string
}

function addIds(known: Map<string, number>, found: readonly IdRow[]): void {
  for (const row of found) known.set(row.hash, Number(row.id))
}

const storedOrNull = (text: string | null): string | null => (text === null ? null : storedText(text))

/** Hash of the fields that matchers read. Computed here: a worker that could choose it could change another image's packages. */
export function packageHash(found: ReportPackage): string {
  const upstreams = found.upstreams.map(({ name, version }) => JSON.stringify([name, version])).sort()
  return contentHash(
    found.type,
    found.name,
    found.version,
    found.distro,
    found.language,
    found.purl,
    upstreams,
    [...found.cpes].sort(),
    found.matchKey,
  )
}
