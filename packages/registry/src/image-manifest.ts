import { z } from 'zod'
import { isDigest } from './digest.js'
import { normalisePlatform, platformDistance, formatPlatform, type Platform } from './platform.js'
import { printable, registryProblem } from './registry-problem.js'

/** Manifest media types that are read. Sources: OCI image-spec 1.1 media-types.md, docker distribution manifest v2 schema 2. */
const MANIFEST_MEDIA_TYPES = ['application/vnd.oci.image.manifest.v1+json', 'application/vnd.docker.distribution.manifest.v2+json'] as const
const INDEX_MEDIA_TYPES = ['application/vnd.oci.image.index.v1+json', 'application/vnd.docker.distribution.manifest.list.v2+json'] as const
/** What is sent as Accept. */
export const ACCEPTED_MANIFESTS = [...MANIFEST_MEDIA_TYPES, ...INDEX_MEDIA_TYPES].join(', ')

const CONFIG_MEDIA_TYPES = new Set([
  'application/vnd.oci.image.config.v1+json',
  'application/vnd.docker.container.image.v1+json',
  // Written by some early builders for real images.
  'application/octet-stream',
  'text/html',
])
const LAYER_MEDIA_TYPES = new Set([
  'application/vnd.oci.image.layer.v1.tar',
  'application/vnd.oci.image.layer.v1.tar+gzip',
  'application/vnd.oci.image.layer.v1.tar+zstd',
  'application/vnd.docker.image.rootfs.diff.tar',
  'application/vnd.docker.image.rootfs.diff.tar.gzip',
  'application/vnd.docker.image.rootfs.diff.tar.zstd',
  'application/vnd.docker.container.image.rootfs.diff+x-gtar',
])
const FOREIGN_LAYER = /^application\/vnd\.(oci\.image\.layer\.nondistributable\.v1\.tar|docker\.image\.rootfs\.foreign\.diff\.tar)/

/** More than any real image or index has, far below what would hurt. */
const ENTRY_LIMIT = 4096

const DescriptorSchema = z.object({
  mediaType: z.string().max(255),
  digest: z.string().refine(isDigest, 'not a sha256 or sha512 digest'),
  size: z.int().min(0),
  annotations: z.record(z.string(), z.string()).nullish(),
})
/** A reference to content by digest, with its media type and size in bytes. */
export type Descriptor = z.infer<typeof DescriptorSchema>

const PlatformSchema = z.object({ os: z.string().max(64), architecture: z.string().max(64), variant: z.string().max(64).nullish() })

const ImageManifestSchema = z.object({
  schemaVersion: z.literal(2),
  mediaType: z.string().max(255).optional(),
  config: DescriptorSchema,
  layers: z.array(DescriptorSchema).max(ENTRY_LIMIT),
  annotations: z.record(z.string(), z.string()).nullish(),
})
/** An OCI image manifest or a Docker manifest of version 2, schema 2: the fields that Pharos needs. */
export type ImageManifest = z.infer<typeof ImageManifestSchema>

const IndexEntrySchema = DescriptorSchema.extend({ platform: PlatformSchema.nullish() })
const ImageIndexSchema = z.object({
  schemaVersion: z.literal(2),
  mediaType: z.string().max(255).optional(),
  manifests: z.array(IndexEntrySchema).max(ENTRY_LIMIT),
  annotations: z.record(z.string(), z.string()).nullish(),
})
/** An OCI image index or a Docker manifest list. */
export type ImageIndex = z.infer<typeof ImageIndexSchema>
export type IndexEntry = z.infer<typeof IndexEntrySchema>

const DocumentHead = z.object({
  schemaVersion: z.unknown().optional(),
  mediaType: z.string().optional(),
  manifests: z.unknown().optional(),
  layers: z.unknown().optional(),
})

/** A document that a manifest request can answer. */
export type ManifestDocument =
  | { kind: 'manifest'; mediaType: string; manifest: ImageManifest }
  | { kind: 'index'; mediaType: string; index: ImageIndex }

function includes(list: readonly string[], text: string): boolean {
  return list.includes(text)
}

function invalidManifest(what: string, why: string): Error {
  return registryProblem('registry-response-invalid', `${what} is not a manifest: ${why}.`)
}

function firstIssue(error: z.ZodError): string {
  const issue = error.issues[0]
  return issue === undefined ? 'it does not fit' : printable(`${issue.path.join('.')}: ${issue.message}`, 160)
}

/** Text of a document, byte for byte: writing it again must give the same digest, so invalid UTF-8 is refused. */
export function decodeDocument(bytes: Uint8Array, what: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw invalidManifest(what, 'it is not UTF-8')
  }
}

/**
 * Parses a manifest or index whose digest was verified. The media type is taken from the document, else from the
 * Content-Type, else from its shape.
 * @throws PharosError `media-type-unsupported` for schema 1 and other kinds, `registry-response-invalid` for what is none.
 */
export function parseManifestDocument(text: string, contentType: string | undefined, what: string): ManifestDocument {
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch {
    throw invalidManifest(what, 'it is not JSON')
  }
  const parsed = DocumentHead.safeParse(document)
  if (!parsed.success) throw invalidManifest(what, 'it is not an object')
  const stated = parsed.data.mediaType ?? contentType?.split(';')[0]?.trim().toLowerCase()
  if (parsed.data.schemaVersion === 1 || stated?.startsWith('application/vnd.docker.distribution.manifest.v1') === true) {
    throw registryProblem(
      'media-type-unsupported',
      `${what} is a Docker manifest of schema 1, which carries no layer sizes and is not scanned. Push the image again with a current tool.`,
    )
  }
  const hasManifests = parsed.data.manifests !== undefined
  const hasLayers = parsed.data.layers !== undefined
  // One document read in two ways has two contents under one digest (CVE-2021-41190).
  if (hasManifests && hasLayers) throw invalidManifest(what, 'it has both manifests and layers')
  const isIndex = stated !== undefined && includes(INDEX_MEDIA_TYPES, stated)
  const isManifest = stated !== undefined && includes(MANIFEST_MEDIA_TYPES, stated)
  const isGeneric = stated === undefined || (parsed.data.mediaType === undefined && !stated.startsWith('application/vnd.'))
  if (isIndex || (isGeneric && hasManifests)) {
    const index = ImageIndexSchema.safeParse(document)
    if (!index.success) throw invalidManifest(what, firstIssue(index.error))
    return { kind: 'index', mediaType: isIndex ? stated : INDEX_MEDIA_TYPES[0], index: index.data }
  }
  if (isManifest || (isGeneric && hasLayers)) {
    const manifest = ImageManifestSchema.safeParse(document)
    if (!manifest.success) throw invalidManifest(what, firstIssue(manifest.error))
    return { kind: 'manifest', mediaType: isManifest ? stated : MANIFEST_MEDIA_TYPES[0], manifest: manifest.data }
  }
  if (isGeneric) throw invalidManifest(what, 'it has neither layers nor manifests')
  throw registryProblem('media-type-unsupported', `${what} has the media type ${printable(stated ?? '', 100)}, which is not an image.`)
}

/** @throws PharosError `media-type-unsupported` when the manifest is of something else than an image (a chart, an attestation). */
export function requireImageConfig(manifest: ImageManifest, what: string): void {
  if (!CONFIG_MEDIA_TYPES.has(manifest.config.mediaType)) {
    throw registryProblem(
      'media-type-unsupported',
      `${what} is an artifact of the type ${printable(manifest.config.mediaType, 100)}, not an image.`,
    )
  }
}

/** @throws PharosError `media-type-unsupported` for layers that a registry does not hold or that are not file systems. */
export function requireLayers(manifest: ImageManifest, what: string): void {
  for (const layer of manifest.layers) {
    if (LAYER_MEDIA_TYPES.has(layer.mediaType)) continue
    throw registryProblem(
      'media-type-unsupported',
      FOREIGN_LAYER.test(layer.mediaType)
        ? `${what} has the layer ${layer.digest}, which may not be distributed and is kept outside of the registry.`
        : `${what} has a layer of the type ${printable(layer.mediaType, 100)}, which is not a file system.`,
    )
  }
}

/** Entries that describe an image: BuildKit's attestations stand beside them as `unknown/unknown`. */
function isImageEntry(entry: IndexEntry): boolean {
  if (entry.annotations?.['vnd.docker.reference.type'] === 'attestation-manifest') return false
  return !(entry.platform?.os === 'unknown' && entry.platform.architecture === 'unknown')
}

/** An entry's platform in one spelling, or null when it states none. */
export function entryPlatform(entry: IndexEntry): Platform | null {
  if (entry.platform === undefined || entry.platform === null) return null
  const { os, architecture, variant } = entry.platform
  return normalisePlatform({ os, architecture, ...(variant === undefined || variant === null ? {} : { variant }) })
}

/** Why an entry was chosen, or what there was instead. */
export type PlatformChoice =
  | { reason: 'platform'; entry: IndexEntry }
  /** The index holds one image without a platform; its configuration tells. */
  | { reason: 'only-one'; entry: IndexEntry }
  /** No direct match, but nested indexes may hold one. */
  | { reason: 'nested'; entries: IndexEntry[] }
  | { reason: 'none'; available: string[] }

/** Chooses the manifest for a platform: exact match first, then older variants of the same processor; the first of equals. */
export function choosePlatform(index: ImageIndex, wanted: Platform): PlatformChoice {
  const images = index.manifests.filter(isImageEntry)
  let best: { entry: IndexEntry; distance: number } | undefined
  for (const entry of images) {
    if (includes(INDEX_MEDIA_TYPES, entry.mediaType)) continue
    const platform = entryPlatform(entry)
    const distance = platform === null ? null : platformDistance(wanted, platform)
    if (distance !== null && (best === undefined || distance < best.distance)) best = { entry, distance }
  }
  if (best !== undefined) return { reason: 'platform', entry: best.entry }
  const nested = images.filter((entry) => includes(INDEX_MEDIA_TYPES, entry.mediaType))
  if (nested.length > 0) return { reason: 'nested', entries: nested }
  const [only] = images
  if (only !== undefined && images.length === 1 && entryPlatform(only) === null) return { reason: 'only-one', entry: only }
  const available = images
    .map((entry) => entryPlatform(entry))
    .filter((platform) => platform !== null)
    .map(formatPlatform)
  return { reason: 'none', available: [...new Set(available)] }
}
