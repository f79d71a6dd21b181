import { digestOf, digestParts } from './digest.js'
import { CONFIG_LIMIT_BYTES, parseImageConfig } from './image-config.js'
import {
  ACCEPTED_MANIFESTS,
  choosePlatform,
  decodeDocument,
  entryPlatform,
  parseManifestDocument,
  requireImageConfig,
  type ImageIndex,
  type ImageManifest,
  type IndexEntry,
  type ManifestDocument,
} from './image-manifest.js'
import { formatImageReference, type ImageReference } from './image-reference.js'
import { DEFAULT_PLATFORM, formatPlatform, platformDistance, type Platform } from './platform.js'
import { printable, registryProblem } from './registry-problem.js'
import type { RegistrySession } from './registry-session.js'
import type { ResolvedImage, ResolvedLayer } from './resolved-image.js'

/** Limits of one resolve. */
export interface ResolveLimits {
  manifestLimitBytes: number
  imageLimitBytes: number | null
  deadlineMs: number
  signal?: AbortSignal | undefined
}

interface FetchedDocument {
  digest: string
  text: string
  document: ManifestDocument
}
interface ChosenManifest {
  document: FetchedDocument
  entry: IndexEntry
  isPlatformKnown: boolean
}

/** Finds an image at one endpoint: fetches its manifest, by way of an index where there is one, and verifies each digest. */
export class ImageResolver {
  private readonly what: string

  constructor(
    private readonly session: RegistrySession,
    private readonly reference: ImageReference,
    private readonly limits: ResolveLimits,
  ) {
    this.what = formatImageReference(reference)
  }

  /** `platform` undefined: linux/amd64 of an index, whatever a single manifest is. */
  async resolve(platform: Platform | undefined): Promise<ResolvedImage> {
    const top = await this.fetchDocument(this.reference.digest ?? this.reference.tag ?? 'latest', null)
    if (top.document.kind === 'manifest') {
      return this.complete(top, top.document.manifest, null, await this.platformOf(top.document.manifest, platform))
    }
    const chosen = await this.choose(top.document.index, platform ?? DEFAULT_PLATFORM, 1)
    const { document } = chosen.document
    if (document.kind !== 'manifest')
      throw registryProblem('registry-response-invalid', `The index of ${this.what} calls an index a manifest.`)
    const known = chosen.isPlatformKnown ? entryPlatform(chosen.entry) : null
    return this.complete(
      chosen.document,
      document.manifest,
      { digest: top.digest, index: top.document.index },
      known ?? (await this.platformOf(document.manifest, platform ?? DEFAULT_PLATFORM)),
    )
  }

  /** The digest that the reference has now: of its index where it has one. */
  async fetchDigest(): Promise<string> {
    return (await this.fetchDocument(this.reference.digest ?? this.reference.tag ?? 'latest', null)).digest
  }

  private async choose(index: ImageIndex, wanted: Platform, depth: number): Promise<ChosenManifest> {
    const choice = choosePlatform(index, wanted)
    if (choice.reason === 'nested' && depth <= 1) {
      for (const entry of choice.entries) {
        const nested = await this.fetchDocument(entry.digest, entry)
        if (nested.document.kind !== 'index') continue
        const inner = choosePlatform(nested.document.index, wanted)
        if (inner.reason === 'platform' || inner.reason === 'only-one') return this.choose(nested.document.index, wanted, depth + 1)
      }
    }
    if (choice.reason === 'platform' || choice.reason === 'only-one') {
      return {
        document: await this.fetchDocument(choice.entry.digest, choice.entry),
        entry: choice.entry,
        isPlatformKnown: choice.reason === 'platform',
      }
    }
    const available =
      choice.reason === 'none' && choice.available.length > 0
        ? ` It exists for ${choice.available.map((name) => printable(name, 40)).join(', ')}.`
        : ''
    throw registryProblem('platform-not-found', `${this.what} does not exist for ${formatPlatform(wanted)}.${available}`)
  }

  /** The platform of a manifest that no index describes, from its configuration. */
  private async platformOf(manifest: ImageManifest, wanted: Platform | undefined): Promise<Platform> {
    requireImageConfig(manifest, this.what)
    const { digest, size } = manifest.config
    if (size > CONFIG_LIMIT_BYTES)
      throw registryProblem(
        'image-too-large',
        `The configuration of ${this.what} has ${size} bytes; at most ${CONFIG_LIMIT_BYTES} are read.`,
      )
    const tooLarge = (): Error =>
      registryProblem('image-size-mismatch', `The configuration of ${this.what} is larger than the ${size} bytes that the manifest states.`)
    const { bytes } = await this.session.readShort(
      {
        path: `/v2/${this.session.repository(this.reference.path)}/blobs/${digest}`,
        scope: this.session.pullScope(this.reference.path),
        what: `the configuration of ${this.what}`,
        deadlineMs: this.limits.deadlineMs,
        signal: this.limits.signal,
      },
      { limitBytes: size, tooLarge },
    )
    this.verify(bytes, digest, size, `The configuration of ${this.what}`)
    const { platform } = parseImageConfig(bytes, this.what)
    if (wanted !== undefined && platformDistance(wanted, platform) === null) {
      throw registryProblem(
        'platform-not-found',
        `${this.what} does not exist for ${formatPlatform(wanted)}. It exists for ${printable(formatPlatform(platform), 60)}.`,
      )
    }
    return platform
  }

  private verify(bytes: Buffer, digest: string, sizeBytes: number | null, what: string): void {
    if (sizeBytes !== null && bytes.length !== sizeBytes)
      throw registryProblem('image-size-mismatch', `${what} has ${bytes.length} bytes; its descriptor states ${sizeBytes}.`)
    const found = digestOf(bytes, digestParts(digest)?.algorithm ?? 'sha256')
    if (found !== digest) throw registryProblem('image-digest-mismatch', `${what} has the digest ${found} instead of ${digest}.`)
  }

  private async fetchDocument(tagOrDigest: string, entry: IndexEntry | null): Promise<FetchedDocument> {
    const what = entry === null ? this.what : `${this.what} (${entry.digest})`
    const limitBytes = this.limits.manifestLimitBytes
    const tooLarge = (): Error => registryProblem('image-too-large', `The manifest of ${what} is larger than ${limitBytes} bytes.`)
    if (entry !== null && entry.size > limitBytes) throw tooLarge()
    const answer = await this.session.readShort(
      {
        path: `/v2/${this.session.repository(this.reference.path)}/manifests/${tagOrDigest}`,
        headers: { Accept: ACCEPTED_MANIFESTS },
        scope: this.session.pullScope(this.reference.path),
        what: `the manifest of ${what}`,
        deadlineMs: this.limits.deadlineMs,
        signal: this.limits.signal,
      },
      { limitBytes, tooLarge },
    )
    const stated = answer.header('docker-content-digest')
    const asked = digestParts(tagOrDigest) === null ? null : tagOrDigest
    // Asked for by tag, the registry's own statement is all there is to hold it to; a digest in the request is stronger.
    const expected = asked ?? (stated !== undefined && digestParts(stated) !== null ? stated : digestOf(answer.bytes))
    this.verify(answer.bytes, expected, entry?.size ?? null, `The manifest of ${what}`)
    const text = decodeDocument(answer.bytes, what)
    return { digest: expected, text, document: parseManifestDocument(text, answer.header('content-type'), what) }
  }

  private complete(
    fetched: FetchedDocument,
    manifest: ImageManifest,
    top: { digest: string; index: ImageIndex } | null,
    platform: Platform,
  ): ResolvedImage {
    requireImageConfig(manifest, this.what)
    const layers: ResolvedLayer[] = manifest.layers.map(({ digest, mediaType, size }) => ({ digest, mediaType, sizeBytes: size }))
    const sizes = new Map([
      [manifest.config.digest, manifest.config.size],
      ...layers.map((layer): [string, number] => [layer.digest, layer.sizeBytes]),
    ])
    const sizeBytes = [...sizes.values()].reduce((sum, size) => sum + size, 0)
    if (!Number.isSafeInteger(sizeBytes) || (this.limits.imageLimitBytes !== null && sizeBytes > this.limits.imageLimitBytes)) {
      throw registryProblem(
        'image-too-large',
        `${this.what} has ${sizeBytes} bytes, compressed; at most ${this.limits.imageLimitBytes ?? Number.MAX_SAFE_INTEGER} are allowed.`,
      )
    }
    return {
      reference: this.reference,
      manifestDigest: fetched.digest,
      indexDigest: top?.digest ?? null,
      indexPlatforms: top === null ? [] : platformsOf(top.index),
      mediaType: fetched.document.mediaType,
      platform,
      manifest,
      manifestText: fetched.text,
      configDigest: manifest.config.digest,
      layers,
      sizeBytes,
      annotations: manifest.annotations ?? {},
    }
  }
}

/** The images of an index by platform; attestations, which have none, are left out. */
function platformsOf(index: ImageIndex): ResolvedImage['indexPlatforms'] {
  return index.manifests.flatMap((entry) => {
    const platform = entryPlatform(entry)
    return platform === null || platform.os === 'unknown' ? [] : [{ platform: formatPlatform(platform), digest: entry.digest }]
  })
}
