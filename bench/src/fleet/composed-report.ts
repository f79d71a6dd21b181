import type { GenerationRef, ReportMatch, ReportPackage, ReportVulnerability, ResolvedImage, ScanReport } from '@pharos/contracts'
import { digestOf } from '../generated-report.js'
import type { FleetFiles, FleetImage } from './fleet-files.js'
import type { JudgedPackages } from './judged-packages.js'

const registry = 'registry.example'

/** The reference of an image, as it is submitted. */
export function referenceOf({ repository, tag }: FleetImage): string {
  return `${registry}/${repository}:${tag}`
}

export function digestOfImage(image: FleetImage): string {
  return digestOf(referenceOf(image))
}

/** The image as a worker resolves it. */
export function resolvedImage(image: FleetImage): ResolvedImage {
  const reference = referenceOf(image)
  return {
    digest: digestOfImage(image),
    indexDigest: null,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    platform: 'linux/amd64',
    configDigest: digestOf(`config of ${reference}`),
    sizeBytes: 120_000_000,
    layers: image.layers.map((digest) => ({
      digest,
      sizeBytes: 24_000_000,
      mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
    })),
    annotations: {},
    reference: { registry, repository: image.repository, tag: image.tag },
    indexPlatforms: [],
  }
}

/**
 * The report that a worker would send of an image: its packages at their places, with the matches of each, which do not depend
 * on the rest of the image once units hold what they need of it.
 */
export function composeReport(image: FleetImage, files: FleetFiles, judged: JudgedPackages, generation: GenerationRef): ScanReport {
  const packages: ReportPackage[] = []
  const matches: ReportMatch[] = []
  const vulnerabilities: ReportVulnerability[] = []
  const positions = new Map<number, number>()
  const inputs: string[] = []
  for (const [index, layer, root] of image.packages) {
    const known = judged.packages[index]
    const path = files.packages[index]?.path
    if (known === undefined || path === undefined)
      throw new Error(`${referenceOf(image)} holds package ${index}, which the fleet does not know`)
    const locations = [{ path: `${files.roots[root] ?? ''}${path}`, layer: image.layers[layer] ?? null }]
    const position = packages.push({ ...known, locations }) - 1
    inputs.push(judged.inputs[index] ?? '')
    for (const { unitId: _unit, vulnerability, ...match } of judged.matches[index] ?? []) {
      const held = positions.get(vulnerability)
      const document = judged.vulnerabilities[vulnerability]
      if (document === undefined) throw new Error(`match of an unknown vulnerability ${vulnerability}`)
      const place = held ?? vulnerabilities.push(document) - 1
      if (held === undefined) positions.set(vulnerability, place)
      matches.push({ ...match, package: position, vulnerability: place, locations })
    }
  }
  const { schemaVersion, builtAt, checksum, isSample, isStale } = generation
  return {
    reportVersion: 1,
    image: resolvedImage(image),
    config: configOf(image),
    distro: image.distro,
    catalogue: { ...judged.cataloguer, packageCount: packages.length, unreadable: [], isReused: false },
    packages,
    matcherInputs: inputs.join('\n'),
    engines: [
      {
        engine: 'grype',
        status: 'complete',
        engineVersion: judged.engineVersion,
        database: { generationId: generation.id, schemaVersion, builtAt, checksum, isSample, isStale },
        reasons: [],
        vulnerabilities,
        matches,
        secrets: [],
        misconfigurations: [],
      },
    ],
  }
}

function configOf(image: FleetImage): ScanReport['config'] {
  return {
    os: 'linux',
    architecture: 'amd64',
    createdAt: image.createdAt,
    labels: { 'org.opencontainers.image.source': `https://git.example/${image.repository}`, 'org.opencontainers.image.version': image.tag },
    diffIds: image.layers.map((digest) => digestOf(`content of ${digest}`)),
    history: image.layers.map((_digest, layer) => ({
      createdBy: layer === 0 ? 'debuerreotype 0.15' : `COPY layer ${layer} # buildkit`,
      createdAt: image.createdAt,
      isEmptyLayer: false,
    })),
  }
}
