import { Injectable } from '@nestjs/common'
import type { ReportHeader } from '@pharos/contracts'
import type { Transaction } from '../database/transaction.js'
import type { PlacedPackage } from '../findings/finding-identity.js'
import { BaseImageStore } from '../base-images/base-image-store.js'
import { ImageStore, type LockedImage } from '../images/image-store.js'
import { uuidOf } from '../inventory/content-hash.js'
import type { FactsOfTransaction } from '../inventory/known-facts.js'
import { storedText } from '../inventory/stored-text.js'
import { ImagePackageStore, mergeOccurrences, placesOf } from '../packages/image-package-store.js'
import { PackageStore } from '../packages/package-store.js'
import type { ReceivedReport } from './received-report.js'
import { timestampOrNull } from './timestamp.js'

/** The packages of a report as they are stored. */
export interface ReportedPackages {
  /** Hash over all occurrences; null when the report brings no catalogue. */
  readonly hash: string | null
  /** Packages that are present now; null when that has not changed. */
  readonly count: number | null
  readonly hasChanged: boolean
  /** When the report came; null when it brings no catalogue. */
  readonly cataloguedAt: Date | null
  /** Where the package at a position of the report stands. */
  at(position: number): { packageId: number; isNewPackage: boolean; occurrence: string }
}

/** Names the places of packages. */
export type NameOccurrences = (packages: readonly PlacedPackage[], hashes: readonly string[]) => string[]

/** What a report says of the image itself and of what is in it. */
@Injectable()
export class ReportImageStore {
  constructor(
    private readonly images: ImageStore,
    private readonly packages: PackageStore,
    private readonly imagePackages: ImagePackageStore,
    private readonly bases: BaseImageStore,
  ) {}

  /** Stores the image when it is new and locks it. */
  async lock(tx: Transaction, report: ReportHeader): Promise<LockedImage> {
    return this.images.lock(tx, await this.images.upsertResolved(tx, report.image))
  }

  /** Stores the packages and where they stand. A report without a catalogue says nothing of them. */
  async storePackages(
    tx: Transaction,
    image: LockedImage,
    known: FactsOfTransaction,
    report: ReceivedReport,
    nameOccurrences: NameOccurrences,
    reportedAt: Date,
  ): Promise<ReportedPackages> {
    const places = placesOf(report.places)
    const packages = await this.packages.ensure(tx, known, report)
    const occurrences = nameOccurrences(
      packages.map(({ type, name, version }, position) => ({ type, name, version, place: places[position]?.path ?? '' })),
      packages.map(({ hash }) => uuidOf(hash)),
    )
    const at = (position: number) => {
      const found = packages[position]
      return { packageId: found?.id ?? 0, isNewPackage: found?.isNew ?? false, occurrence: occurrences[position] ?? '' }
    }
    const { header } = report
    if (header.catalogue === null && header.packageCount === 0)
      return { hash: image.packagesHash, count: null, hasChanged: false, cataloguedAt: null, at }
    const isWhole = header.engines.every(({ status }) => status === 'complete')
    const stored = await this.imagePackages.store(
      tx,
      image.id,
      mergeOccurrences(places, occurrences, (position) => packages[position]?.id ?? 0),
      {
        hash: image.packagesHash,
        isWhole,
        at: reportedAt,
      },
    )
    return { ...stored, hasChanged: image.packagesHash !== null && image.packagesHash !== stored.hash, cataloguedAt: reportedAt, at }
  }

  /** Stores what the report says of the image. `scannedAt` is null when no engine had a good result. */
  async storeImage(
    tx: Transaction,
    imageId: number,
    report: ReportHeader,
    packages: ReportedPackages,
    scannedAt: Date | null,
  ): Promise<void> {
    const { config, distro, catalogue } = report
    await tx.query(
      `update image set
         packages_hash = $2, package_count = coalesce($3, package_count), distro = coalesce($4, distro),
         labels = coalesce($5::json, labels), history = coalesce($6::json, history), diff_ids = coalesce($7::json, diff_ids), created_at = coalesce($8, created_at),
         cataloguer = coalesce($9::json, cataloguer), last_scanned_at = coalesce($10, last_scanned_at),
         first_catalogued_at = coalesce(first_catalogued_at, $11), is_distro_end_of_life = coalesce($12, is_distro_end_of_life),
         max_risk = coalesce((select max(max_risk) from image_summary where image_id = $1), 0)
       where id = $1`,
      [
        imageId,
        packages.hash,
        packages.count,
        distro && storedText(distro.versionId === null ? distro.id : `${distro.id} ${distro.versionId}`),
        jsonOrNull(config?.labels),
        jsonOrNull(config?.history),
        jsonOrNull(config?.diffIds),
        timestampOrNull(config?.createdAt ?? null),
        jsonOrNull(catalogue ?? undefined),
        scannedAt,
        packages.cataloguedAt,
        isDistroEndOfLife(report),
      ],
    )
    if (config !== null) await this.bases.place(tx, { ...report.image, ...config, id: imageId })
  }
}

const jsonOrNull = (value: unknown): string | null => (value === undefined ? null : JSON.stringify(value))

/** Whether an engine's database says that the distribution has reached its end of life; null when none says anything. */
function isDistroEndOfLife({ engines }: ReportHeader): boolean | null {
  const told = engines.flatMap((engine) => engine.isDistroEndOfLife ?? [])
  return told.length === 0 ? null : told.includes(true)
}
