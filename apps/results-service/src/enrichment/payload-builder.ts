import { Injectable } from '@nestjs/common'
import { type EnricherPayloadImage, noMoment, submittedContextOwner } from '@pharos/contracts'
import type { VisibleRepositories } from '../access/repository-scope.js'
import type { SqlRunner } from '../database/sql.js'
import { engineOf } from '../inventory/column-codes.js'
import { originalText } from '../inventory/stored-text.js'
import type { OccurrenceDetail } from '../packages/image-package-store.js'
import { subjectKinds } from './due-subjects.js'
import {
  PayloadRepository,
  type PayloadFindingRow,
  type PayloadImageRow,
  type PayloadPackageRow,
  type SubjectFactsRow,
  type SubjectRow,
} from './payload.repository.js'
import {
  momentText,
  type PackageFacts,
  packageFacts,
  packageText,
  payloadFinding,
  type VulnerabilityFacts,
  vulnerabilityFacts,
  vulnerabilityText,
} from './payload-fragments.js'

/** A payload as JSON text in one line, and whose it is. */
export interface BuiltPayload {
  readonly subject: SubjectRow
  readonly digest: string
  readonly text: string
}

/** Images whose facts are read with one statement: bounds what is in memory, while a chunk is sent. */
const imagesAtOnce = 8

/**
 * Builds what enrichers get, `EnricherPayload`, from what is stored: the one builder for a fresh scan, a re-match, a run over the
 * fleet, a test and the command line. Facts that images share are turned into JSON once. The same facts give the same bytes.
 */
@Injectable()
export class PayloadBuilder {
  constructor(private readonly repository: PayloadRepository) {}

  /** Payloads of subjects, image by image; subjects of images that are gone are left out. */
  async *build(runner: SqlRunner, subjects: readonly SubjectRow[], scope: VisibleRepositories = null): AsyncGenerator<BuiltPayload> {
    const byImage = new Map<string, SubjectRow[]>()
    for (const subject of subjects) byImage.set(subject.image_id, [...(byImage.get(subject.image_id) ?? []), subject])
    const ids = [...byImage.keys()]
    const known: SharedFacts = { packages: new Map(), vulnerabilities: new Map() }
    for (let from = 0; from < ids.length; from += imagesAtOnce) {
      const batch = ids.slice(from, from + imagesAtOnce)
      const images = await this.read(runner, batch, known, scope)
      const wanted = batch.flatMap((id) => byImage.get(id) ?? [])
      const facts = new Map((await this.repository.subjectFacts(runner, wanted)).map((row) => [Number(row.id), row]))
      for (const [position, subject] of wanted.entries()) {
        const image = images.get(subject.image_id)
        const own = facts.get(position)
        if (image !== undefined && own !== undefined) yield { subject, digest: image.row.digest, text: payloadText(image, subject, own) }
      }
    }
  }

  private async read(
    runner: SqlRunner,
    ids: readonly string[],
    known: SharedFacts,
    scope: VisibleRepositories,
  ): Promise<Map<string, ReadImage>> {
    const [rows, findings, packages] = [
      await this.repository.images(runner, ids, scope),
      groupByImage(await this.repository.findings(runner, ids)),
      groupByImage(await this.repository.packages(runner, ids)),
    ]
    await this.complete(runner, known, [...findings.values()].flat(), [...packages.values()].flat())
    return new Map(
      rows.map((row) => [row.id, { row, facts: factsText(row, findings.get(row.id) ?? [], packages.get(row.id) ?? [], known) }]),
    )
  }

  private async complete(
    runner: SqlRunner,
    known: SharedFacts,
    findings: readonly PayloadFindingRow[],
    packages: readonly PayloadPackageRow[],
  ): Promise<void> {
    const missing = (ids: Iterable<string>, map: ReadonlyMap<string, unknown>): string[] => [...new Set(ids)].filter((id) => !map.has(id))
    const packageIds = missing(
      [...findings.map(({ package_id }) => package_id), ...packages.map(({ package_id }) => package_id)],
      known.packages,
    )
    const vulnerabilityIds = missing(
      findings.map(({ vulnerability_id }) => vulnerability_id),
      known.vulnerabilities,
    )
    for (const row of await this.repository.packageFacts(runner, packageIds)) known.packages.set(row.id, packageFacts(row))
    for (const row of await this.repository.vulnerabilityFacts(runner, vulnerabilityIds))
      known.vulnerabilities.set(row.id, vulnerabilityFacts(row))
  }
}

interface SharedFacts {
  readonly packages: Map<string, PackageFacts>
  readonly vulnerabilities: Map<string, VulnerabilityFacts>
}

/** An image, and `"Findings":…,"Vulnerabilities":…,"Packages":…` of it. */
interface ReadImage {
  readonly row: PayloadImageRow
  readonly facts: string
}

function groupByImage<R extends { image_id: string }>(rows: readonly R[]): Map<string, R[]> {
  const groups = new Map<string, R[]>()
  for (const row of rows) {
    const group = groups.get(row.image_id)
    if (group === undefined) groups.set(row.image_id, [row])
    else group.push(row)
  }
  return groups
}

const byText = (one: { order: string }, other: { order: string }): number =>
  one.order < other.order ? -1 : one.order > other.order ? 1 : 0
const listText = (items: readonly { text: string }[]): string => `[${items.map(({ text }) => text).join(',')}]`

function factsText(
  image: PayloadImageRow,
  findings: readonly PayloadFindingRow[],
  packages: readonly PayloadPackageRow[],
  { packages: knownPackages, vulnerabilities: knownVulnerabilities }: SharedFacts,
): string {
  const details = new Map<string, OccurrenceDetail>(packages.map(({ occurrence, detail }) => [occurrence, detail]))
  const firstSeen = new Map<string, Date>()
  for (const { vulnerability_id, first_seen_at } of findings) {
    const known = firstSeen.get(vulnerability_id)
    if (known === undefined || first_seen_at < known) firstSeen.set(vulnerability_id, first_seen_at)
  }
  const of = {
    diffIds: image.diff_ids,
    baseLayerCount: image.base === null ? 0 : image.base.layer_count,
    scannedAt: new Map((image.engines ?? []).map(({ engine, scanned_at }) => [engine, scanned_at])),
  }
  const findingTexts = findings.flatMap((row) => {
    const vulnerability = knownVulnerabilities.get(row.vulnerability_id)
    const found = knownPackages.get(row.package_id)
    if (vulnerability === undefined || found === undefined) return []
    const seen = momentText(firstSeen.get(row.vulnerability_id) ?? null)
    const finding = payloadFinding(row, of, { vulnerability, package: found, detail: details.get(row.occurrence), firstSeen: seen })
    return [{ order: `${finding.AdvId}\n${finding.AdvSource}\n${found.key}\n${row.id}`, text: JSON.stringify(finding) }]
  })
  const vulnerabilityTexts = [...firstSeen].flatMap(([id, moment]) => {
    const facts = knownVulnerabilities.get(id)
    return facts === undefined ? [] : [{ order: `${facts.id}\n${facts.source}`, text: vulnerabilityText(facts, momentText(moment)) }]
  })
  const present = packages.filter(({ is_present }) => is_present).sort((one, other) => (one.occurrence < other.occurrence ? -1 : 1))
  const packageTexts = new Map<string, { order: string; text: string }>()
  for (const { package_id, detail } of present) {
    const facts = knownPackages.get(package_id)
    if (facts !== undefined && !packageTexts.has(facts.key))
      packageTexts.set(facts.key, { order: facts.key, text: packageText(facts, detail) })
  }
  return `"Findings":${listText(findingTexts.sort(byText))},"Vulnerabilities":${listText(vulnerabilityTexts.sort(byText))},"Packages":${listText([...packageTexts.values()].sort(byText))}`
}

/** The fields of `value` as JSON, without braces. */
const fieldsText = (value: object): string => JSON.stringify(value).slice(1, -1)

type ImageFacts = 'Findings' | 'Vulnerabilities' | 'Packages'

function payloadText({ row, facts }: ReadImage, subject: SubjectRow, own: SubjectFactsRow): string {
  const context = contextOf(subject, own)
  const references = row.references.map(({ repository, tag }) => referenceText(row.digest, originalText(repository), originalText(tag)))
  const spec = own.reference === null ? (references[0] ?? row.digest) : originalText(own.reference)
  const imageId = row.config_digest ?? row.digest
  const { key } = subject
  const storedKey = originalText(key)
  const platform = originalText(row.platform)
  const [os = '', architecture = ''] = platform.split('/')
  const distro = row.distro === null ? '' : originalText(row.distro)
  const [distroName = '', ...distroVersion] = distro.split(' ')
  const image = {
    ImageSpec: spec,
    ImageId: imageId,
    IndexDigest: row.index_digest ?? '',
    ManifestDigest: row.digest,
    RepoDigests: [...new Set(row.references.map(({ repository }) => `${originalText(repository)}@${row.digest}`))].sort(),
    ArchName: architecture,
    ArchOS: os,
    DistroName: distroName,
    DistroVersion: distroVersion.join(' '),
    Size: Number(row.size_bytes),
    Tags: row.references.flatMap(({ repository, tag }) => (tag === '' ? [] : [`${originalText(repository)}:${originalText(tag)}`])).sort(),
    Layers: row.diff_ids,
    ContextRoots: [
      {
        Key: storedKey,
        ImageId: imageId,
        UpdatedAt: context.updatedAt,
        TTL: 0,
        Contexts: [
          {
            ID: 0,
            ContextRootKey: storedKey,
            ImageId: imageId,
            Owner: submittedContextOwner,
            UpdatedAt: context.updatedAt,
            Data: context.data,
          },
        ],
      },
    ],
    TTL: 0,
    LastSuccessfulScan: lastScanned(row),
    Platform: platform,
    Created: momentText(row.created_at),
    Labels: row.labels,
    Annotations: row.annotations,
    BaseImage: baseOf(row),
    Engines: (row.engines ?? []).map(({ engine, status, engine_version, database }) => ({
      Name: engineOf(engine),
      Version: engine_version ?? '',
      Status: status,
      DatabaseBuilt: momentText(database?.builtAt ?? null),
    })),
  } satisfies Omit<EnricherPayloadImage, ImageFacts>
  const task = {
    jobId: '',
    status: 'done',
    engine: image.Engines[0]?.Name ?? '',
    error: '',
    authdsn: '',
    imagespec: spec,
    platform,
    context: context.data,
    contextRootKey: storedKey,
    rxdigest: row.digest,
    rxplatform: platform,
    cachettl: 0,
    scanttl: 0,
    created: momentText(row.first_seen_at),
    updated: lastScanned(row),
    sbom: null,
  }
  return `{"Version":"1.0","ScanTask":${JSON.stringify(task)},"Image":{${fieldsText(image)},${facts}},${facts}}`
}

/** The column holds the epoch until an engine has completed. */
function lastScanned({ last_scanned_at: at }: PayloadImageRow): string {
  return at.getTime() === 0 ? noMoment : momentText(at)
}

function referenceText(digest: string, repository: string, tag: string): string {
  return tag === '' ? `${repository}@${digest}` : `${repository}:${tag}`
}

function baseOf({ base }: PayloadImageRow): EnricherPayloadImage['BaseImage'] {
  if (base === null) return { Digest: '', References: [], Source: '', LayerCount: 0 }
  const named = base.reference === null ? [] : [base.reference]
  return {
    Digest: base.digest ?? '',
    References: [...new Set([...base.references, ...named].map(originalText))],
    Source: base.source,
    LayerCount: base.layer_count ?? 0,
  }
}

/** What was submitted, or observed of a workload; nothing of the image itself. */
function contextOf(
  { kind }: SubjectRow,
  { submitted, submitted_at, workload }: SubjectFactsRow,
): { data: Record<string, unknown>; updatedAt: string } {
  if (kind === subjectKinds.submitted) return { data: submitted ?? {}, updatedAt: momentText(submitted_at) }
  if (kind === subjectKinds.image || workload === null) return { data: {}, updatedAt: noMoment }
  const { since, owner, labels, ...named } = workload
  return { data: { ...named, owner: owner ?? '', labels }, updatedAt: momentText(since) }
}
