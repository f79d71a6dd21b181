import type { Location, ReportPackage } from '@pharos/contracts'
import { Catalogue, type CataloguedDistro } from '../model/catalogue.js'
import { matchKeyOf } from './match-key.js'
import { SyftFileWithUnknowns, type SyftArtifact, type SyftDocument } from './schema.js'

/** The catalogue that a syft-json document stands for. */
export function mapSyftDocument(document: SyftDocument): Catalogue {
  const distro = mapDistro(document)
  const catalogue = new Catalogue({ name: document.descriptor.name, version: document.descriptor.version }, distro, mapUnreadable(document))
  // Grype stamps the distribution of the image on packages that have none of their own, npm included.
  const distroText = distro === null ? null : distro.versionId === null ? distro.id : `${distro.id}:${distro.versionId}`
  for (const artifact of document.artifacts) catalogue.add(mapArtifact(artifact, distroText), artifact.id)
  return catalogue
}

function mapDistro(document: SyftDocument): CataloguedDistro | null {
  const { id, versionID, prettyName } = document.distro ?? {}
  if (id === undefined || id === '') return null
  return { id, versionId: versionID === undefined || versionID === '' ? null : versionID, prettyName: prettyName ?? null }
}

function mapUnreadable(document: SyftDocument): { path: string; reason: string }[] {
  const unreadable: { path: string; reason: string }[] = []
  for (const file of document.files ?? []) {
    if (typeof file !== 'object' || file === null || !('unknowns' in file)) continue
    const parsed = SyftFileWithUnknowns.safeParse(file)
    if (!parsed.success) continue
    const failures = parsed.data.unknowns.filter((unknown) => !isLabel(unknown))
    if (failures.length > 0) unreadable.push({ path: parsed.data.location.path, reason: failures.join('; ').slice(0, 1000) })
  }
  return unreadable
}

/**
 * The syft command also labels files that belong to no package, which are no failures: executables by its task
 * unknowns-labeler, archives in these words (syft internal/task/unknowns_tasks.go).
 */
function isLabel(unknown: string): boolean {
  return unknown.startsWith('unknowns-labeler') || unknown === 'archive not cataloged'
}

function mapArtifact(artifact: SyftArtifact, distro: string | null): ReportPackage {
  return {
    type: artifact.type,
    name: artifact.name,
    version: artifact.version,
    purl: artifact.purl === undefined || artifact.purl === '' ? null : artifact.purl,
    distro,
    language: artifact.language === undefined || artifact.language === '' ? null : artifact.language,
    upstreams: mapUpstreams(artifact),
    cpes: (artifact.cpes ?? []).map((cpe) => (typeof cpe === 'string' ? cpe : cpe.cpe)),
    licenses: [
      ...new Set(
        (artifact.licenses ?? []).map((licence) =>
          typeof licence === 'string'
            ? licence
            : licence.spdxExpression === undefined || licence.spdxExpression === ''
              ? licence.value
              : licence.spdxExpression,
        ),
      ),
    ],
    matchKey: matchKeyOf(artifact),
    locations: mapLocations(artifact.locations ?? []),
    foundBy: artifact.foundBy ?? null,
  }
}

/** Locations as path and layer, each once. */
export function mapLocations(locations: readonly { path: string; layerID?: string | undefined }[]): Location[] {
  const seen = new Map<string, Location>()
  for (const { path, layerID } of locations)
    seen.set(`${path}\0${layerID ?? ''}`, { path, layer: layerID === undefined || layerID === '' ? null : layerID })
  return [...seen.values()]
}

/** Source packages, by the rules of grype/pkg/package.go (dpkgDataFromPkg, apkDataFromPkg, rpmDataFromPkg). */
function mapUpstreams({ name, metadata, metadataType }: SyftArtifact): ReportPackage['upstreams'] {
  const field = (key: string): string => (typeof metadata?.[key] === 'string' ? metadata[key] : '')
  switch (metadataType) {
    case 'dpkg-db-entry':
    case 'dpkg-archive-entry':
      return field('source') === ''
        ? []
        : [{ name: field('source'), version: field('sourceVersion') === '' ? null : field('sourceVersion') }]
    case 'apk-db-entry':
      return field('originPackage') === '' ? [] : [{ name: field('originPackage'), version: null }]
    case 'rpm-db-entry':
    case 'rpm-archive':
      return sourceRpm(name, field('sourceRpm'))
    default:
      return []
  }
}

function sourceRpm(packageName: string, file: string): ReportPackage['upstreams'] {
  const [, name, version, release] = /^(.+)-([^-]+)-([^-]+)\.\w+\.rpm$/.exec(file) ?? []
  if (name === undefined || name === packageName) return []
  return [{ name, version: `${version}-${release}` }]
}
