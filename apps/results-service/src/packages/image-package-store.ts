import { Injectable } from '@nestjs/common'
import { PackagePlace } from '@pharos/contracts'
import { rows } from '../database/sql.js'
import type { Transaction } from '../database/transaction.js'
import { idArray, jsonArray, plainArray } from '../ingest/array-parameter.js'
import { LineShapes } from '../ingest/line-shapes.js'
import { type Lines, parseLine } from '../ingest/received-report.js'
import { textHash } from '../inventory/content-hash.js'

/** A package at a place of an image. */
export interface PackageOccurrence {
  readonly occurrence: string
  readonly packageId: number
  /** JSON of `OccurrenceDetail`. */
  readonly detail: string
}

/** What differs from image to image. */
export type OccurrenceDetail = PackagePlace

/** Where a package of a report stands. */
export interface ReportedPlace {
  /** Path of the primary evidence. */
  readonly path: string
  /** JSON of `OccurrenceDetail`. */
  readonly detail: string
}

/** Which packages stand where in an image. */
@Injectable()
export class ImagePackageStore {
  /**
   * Stores the occurrences of an image. Returns the hash of all of them and their number; with the former hash nothing is
   * touched. Those that are missing stay as not present when `isWhole`, else as they are: half a catalogue removes nothing.
   */
  async store(
    tx: Transaction,
    imageId: number,
    occurrences: readonly PackageOccurrence[],
    former: { hash: string | null; isWhole: boolean; at: Date },
  ) {
    const items = [...occurrences].sort((one, other) => (one.occurrence < other.occurrence ? -1 : 1))
    const details = items.map(({ detail }) => detail)
    const hash = textHash(items.map(({ occurrence, packageId }, position) => `${occurrence} ${packageId} ${details[position]}`).join('\n'))
    if (hash === former.hash) return { hash, count: null }
    if (former.hash !== null) await this.recordChanges(tx, imageId, items, former)
    await tx.query(
      `insert into image_package (image_id, occurrence, package_id, detail) select $1::int8, unnest($2::uuid[]), unnest($3::int8[]), unnest($4::json[])
       ${
         former.hash === null
           ? ''
           : `on conflict (image_id, occurrence) do update set package_id = excluded.package_id, detail = excluded.detail, is_present = true
          where image_package.package_id <> excluded.package_id or image_package.detail::text <> excluded.detail::text or not image_package.is_present`
       }`,
      [
        imageId,
        plainArray(items.map(({ occurrence }) => occurrence)),
        idArray(items.map(({ packageId }) => packageId)),
        jsonArray(details),
      ],
    )
    if (former.hash === null) return { hash, count: items.length }
    if (former.isWhole) {
      await tx.query('update image_package set is_present = false where image_id = $1 and is_present and occurrence <> all ($2::uuid[])', [
        imageId,
        plainArray(items.map(({ occurrence }) => occurrence)),
      ])
    }
    const [counted] = await rows<{ count: string }>(tx, 'select count(*) from image_package where image_id = $1 and is_present', [imageId])
    return { hash, count: Number(counted?.count ?? 0) }
  }

  /**
   * Notes what a later catalogue of the image sees otherwise, before it is stored. Another row of `package` is no change by itself:
   * type, name and version are what history tells.
   */
  private async recordChanges(
    tx: Transaction,
    imageId: number,
    items: readonly PackageOccurrence[],
    { isWhole, at }: { isWhole: boolean; at: Date },
  ): Promise<void> {
    await tx.query(
      `insert into image_package_event (image_id, occurrence, before_package_id, package_id, at)
       select $1, coalesce(n.o, e.occurrence), e.package_id, n.p, $4
         from unnest($2::uuid[], $3::int8[]) as n(o, p)
         full join (select occurrence, package_id from image_package where image_id = $1 and is_present) e on e.occurrence = n.o
         left join package a on a.id = e.package_id left join package b on b.id = n.p
        where ((n.o is not null) or $5) and (a.type, a.name, a.version) is distinct from (b.type, b.name, b.version)
        order by 2`,
      [imageId, plainArray(items.map(({ occurrence }) => occurrence)), plainArray(items.map(({ packageId }) => packageId)), at, isWhole],
    )
  }
}

/** Reads where packages stand. Throws `report-invalid` for a line that is not spelled as the contract says: it is stored as it stands. */
export function placesOf(lines: Lines): ReportedPlace[] {
  return Array.from({ length: lines.count }, (_value, position) => {
    const json = lines.bytes(position)
    const detail = json.toString()
    const isKnownShape = placeShapes.has(json)
    const path = isKnownShape ? firstPath(detail) : null
    if (path !== null) return { path, detail }
    const place = parseLine(PackagePlace, detail, 'place')
    if (!isKnownShape) placeShapes.accept(json)
    return { path: place.locations[0]?.path ?? '', detail }
  })
}

const placeShapes = new LineShapes(64)
const pathPrefix = '{"locations":[{"path":"'

/** The first path of a line without escapes; null when it does not begin with one. */
function firstPath(detail: string): string | null {
  return detail.startsWith(pathPrefix) ? detail.slice(pathPrefix.length, detail.indexOf('"', pathPrefix.length)) : null
}

/** Occurrences of a report's packages; the same facts at the same place are one, with the places of all. */
export function mergeOccurrences(
  places: readonly ReportedPlace[],
  keys: readonly string[],
  idOf: (position: number) => number,
): PackageOccurrence[] {
  const merged = new Map<string, PackageOccurrence>()
  for (const [position, { detail }] of places.entries()) {
    const occurrence = keys[position] ?? ''
    const known = merged.get(occurrence)
    merged.set(
      occurrence,
      known === undefined ? { occurrence, packageId: idOf(position), detail } : { ...known, detail: joinDetails(known.detail, detail) },
    )
  }
  return [...merged.values()]
}

function joinDetails(one: string, other: string): string {
  const detail = JSON.parse(one) as OccurrenceDetail
  const seen = new Set(detail.locations.map((location) => JSON.stringify(location)))
  const further = (JSON.parse(other) as OccurrenceDetail).locations.filter((location) => !seen.has(JSON.stringify(location)))
  return JSON.stringify({ ...detail, locations: [...detail.locations, ...further] })
}
