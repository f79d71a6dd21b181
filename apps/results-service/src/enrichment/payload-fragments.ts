import {
  type EnricherPayloadFinding,
  type EnricherPayloadPackage,
  type EnricherPayloadVulnerability,
  noMoment,
  type ReportVulnerability,
} from '@pharos/contracts'
import { isFromBase } from '../base-images/layer-chain.js'
import { publicFindingId } from '../findings/finding-identity.js'
import { engineOf, fixStateOf, severityOf } from '../inventory/column-codes.js'
import { originalText } from '../inventory/stored-text.js'
import type { OccurrenceDetail } from '../packages/image-package-store.js'
import type { PackageFactsRow, PayloadFindingRow, VulnerabilityFactsRow } from './payload.repository.js'

type Severity = EnricherPayloadFinding['Severity']

/** A moment as payloads have it: whole seconds go without a fraction, as Go writes them. */
export function momentText(moment: Date | string | null): string {
  if (moment === null) return noMoment
  const date = typeof moment === 'string' ? new Date(moment) : moment
  return Number.isNaN(date.getTime()) ? noMoment : date.toISOString().replace('.000Z', 'Z')
}

function severityText(code: number): Severity {
  const severity = severityOf(code)
  return `${severity.charAt(0).toUpperCase()}${severity.slice(1)}` as Severity
}

/** A vulnerability that was read once for all images of a chunk. */
export interface VulnerabilityFacts {
  readonly id: string
  readonly source: string
  readonly risk: number
  readonly epss: ReportVulnerability['epss']
  /** All but when it was first seen, which differs from image to image, without the closing brace. */
  readonly text: string
}

export function vulnerabilityFacts(row: VulnerabilityFactsRow): VulnerabilityFacts {
  const { epss, kev } =
    row.score === null ? { epss: null, kev: null } : (JSON.parse(row.score) as Pick<ReportVulnerability, 'epss' | 'kev'>)
  const { aliases, cvss, dataSource, urls, description, cwes } = row.body
  const id = originalText(row.native_id)
  const canonical = originalText(row.canonical_id)
  const told = {
    AdvId: id,
    AdvSource: originalText(row.namespace),
    Aliases: [...new Set([canonical, ...aliases])].filter((alias) => alias !== id).join(','),
    PubDate: noMoment,
    ModDate: noMoment,
    KevDate: momentText(kev?.dateAdded ?? null),
    Severity: severityText(row.severity),
    CvssVectors: cvss.map(({ vector }) => vector),
    CvssBase: cvss.reduce((greatest, { baseScore }) => Math.max(greatest, baseScore ?? 0), 0),
    RiskScore: row.risk ?? 0,
    Cpes: [],
    Cwes: cwes,
    References: [...new Set([...(dataSource === null ? [] : [dataSource]), ...urls])],
    RansomwareUsed: kev === null ? '' : kev.ransomware ? 'Known' : 'Unknown',
    Description: description ?? '',
    Epss: epss?.probability ?? 0,
    EpssPercentile: epss?.percentile ?? 0,
    Kev: kev !== null,
  } satisfies Omit<EnricherPayloadVulnerability, 'CreateDate' | 'FirstSeen'>
  return { id, source: told.AdvSource, risk: told.RiskScore, epss, text: JSON.stringify(told).slice(0, -1) }
}

/** JSON of an `EnricherPayloadVulnerability`. */
export function vulnerabilityText(facts: VulnerabilityFacts, firstSeen: string): string {
  return `${facts.text},"CreateDate":"${firstSeen}","FirstSeen":"${firstSeen}"}`
}

/** A package that was read once for all images of a chunk. */
export interface PackageFacts {
  readonly key: string
  readonly short: EnricherPayloadFinding['Package']
  /** All but what differs from image to image, without the closing brace. */
  readonly text: string
}

export function packageFacts(row: PackageFactsRow): PackageFacts {
  const short = {
    Name: originalText(row.name),
    Version: originalText(row.version),
    Type: originalText(row.type),
    Purl: row.purl === null ? '' : originalText(row.purl),
  }
  const key = short.Purl === '' ? `${short.Type}:${short.Name}@${short.Version}` : short.Purl
  const told = { Key: key, ...short, Cpes: row.detail.cpes } satisfies Omit<EnricherPayloadPackage, 'Layer' | 'Licenses'>
  return { key, short, text: JSON.stringify(told).slice(0, -1) }
}

/** JSON of an `EnricherPayloadPackage`. */
export function packageText(facts: PackageFacts, detail: OccurrenceDetail): string {
  return `${facts.text},"Layer":${JSON.stringify(layerOf(detail))},"Licenses":${JSON.stringify(detail.licenses)}}`
}

/** The layers of an image, and how many of them are of its base; null when that is not known. */
export interface PayloadLayers {
  readonly diffIds: readonly string[]
  readonly baseLayerCount: number | null
}

export function payloadFinding(
  row: PayloadFindingRow,
  image: PayloadLayers & { scannedAt: ReadonlyMap<number, string> },
  of: { vulnerability: VulnerabilityFacts; package: PackageFacts; detail: OccurrenceDetail | undefined; firstSeen: string },
): EnricherPayloadFinding {
  const layer = of.detail === undefined ? '' : layerOf(of.detail)
  const position = image.diffIds.indexOf(layer)
  return {
    AdvId: of.vulnerability.id,
    AdvSource: of.vulnerability.source,
    ScanDate: momentText(row.first_seen_at),
    UpdateDate: momentText(row.last_seen_at ?? image.scannedAt.get(row.engine) ?? row.first_seen_at),
    Severity: severityText(row.severity),
    DueDate: noMoment,
    FixState: fixStateOf(row.fix_state),
    FixVersions: row.match_body.fixVersions,
    FoundIn: (of.detail?.locations ?? []).map(({ path }) => path),
    FirstSeen: of.firstSeen,
    Id: publicFindingId('f', row.id),
    Engine: engineOf(row.engine),
    Package: of.package.short,
    Risk: of.vulnerability.risk,
    Epss: of.vulnerability.epss?.probability ?? 0,
    EpssPercentile: of.vulnerability.epss?.percentile ?? 0,
    Kev: row.is_kev,
    Layer: layer,
    FromBase: position < 0 ? null : isFromBase(position, image.baseLayerCount),
    Decision: row.decision ?? '',
    Suppressed: row.is_suppressed,
  }
}

function layerOf({ locations }: OccurrenceDetail): string {
  return locations[0]?.layer ?? ''
}
