import type { ImagePackage, PackageRef, ReportPackage } from '@pharos/contracts'
import { originalText } from '../inventory/stored-text.js'
import type { OccurrenceDetail } from './image-package-store.js'

/** Columns of a package (alias p) that a reference to it needs. */
export const packageRefColumns = 'p.type, p.name, p.version, p.purl'

export interface PackageRefRow {
  type: string
  name: string
  version: string
  purl: string | null
}

/** A package of an image. */
export interface ImagePackageRow extends PackageRefRow {
  occurrence: string
  distro: string | null
  language: string | null
  sort_name: string
  package_detail: Pick<ReportPackage, 'upstreams' | 'cpes'>
  occurrence_detail: OccurrenceDetail
}

export function packageRefOf(row: PackageRefRow): PackageRef {
  return {
    type: originalText(row.type),
    name: originalText(row.name),
    version: originalText(row.version),
    purl: row.purl && originalText(row.purl),
  }
}

export function imagePackageOf(row: ImagePackageRow): ImagePackage {
  const { upstreams, cpes } = row.package_detail
  const { locations, licenses, foundBy } = row.occurrence_detail
  return {
    id: row.occurrence.replaceAll('-', ''),
    ...packageRefOf(row),
    distro: row.distro && originalText(row.distro),
    language: row.language && originalText(row.language),
    upstreams: upstreams.map(({ name, version }) => (version === null ? name : `${name}@${version}`)),
    cpes,
    licenses,
    locations,
    foundBy,
  }
}
