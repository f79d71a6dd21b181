import { PharosError } from '@pharos/contracts'
import { requireReadableBlob, downloadBlob, type BlobDownload } from './blob-download.js'
import { isDigest } from './digest.js'
import type { ResolveName } from './dialler.js'
import { ACCEPTED_MANIFESTS } from './image-manifest.js'
import { ImagePull, type BlobSource, type PulledImage, type PullOptions } from './image-pull.js'
import { formatImageReference, type ImageReference } from './image-reference.js'
import { ImageResolver } from './image-resolver.js'
import type { Platform } from './platform.js'
import type { RegistryCredentialSource } from './registry-credential.js'
import {
  endpointsOf,
  originEndpoint,
  RegistryPolicySchema,
  type RegistryEndpoint,
  type RegistryPolicy,
  type RegistryPolicyInput,
} from './registry-policy.js'
import { throwIfCancelled } from './registry-problem.js'
import { RegistrySession } from './registry-session.js'
import type { ResolvedImage } from './resolved-image.js'
import { listTags, type TagList } from './tag-list.js'

/** What a client is made of. */
export interface RegistryClientOptions {
  policy?: RegistryPolicyInput
  /** Without a source every access is anonymous. */
  credentials?: RegistryCredentialSource
  /** Ends everything that this client does, e.g. when its attempt is cancelled. */
  signal?: AbortSignal
  /** Default `pharos`. */
  userAgent?: string
  /** Resolves names; the system's resolver by default. */
  resolveName?: ResolveName
}

/** What a registry says to a credential. */
export interface PingResult {
  /** `accepted`: it was asked for and taken. `not-asked`: the registry is open, so nothing is known of it. `none`: there is no credential. */
  credential: 'accepted' | 'not-asked' | 'none'
}

/** The one client that talks to registries. Every failure is a PharosError with a problem code of its own. */
export interface RegistryClient {
  /** Finds an image. Without a platform: linux/amd64 of an index, and a single manifest whatever its platform. */
  resolve(reference: ImageReference, platform?: Platform, options?: { signal?: AbortSignal | undefined }): Promise<ResolvedImage>
  /** The digest that a reference has now (of the index where there is one), by HEAD where the registry answers it. */
  headDigest(reference: ImageReference, options?: { signal?: AbortSignal | undefined }): Promise<string>
  /** Tags of a repository, in the registry's order. */
  listTags(
    repository: Pick<ImageReference, 'registry' | 'path'>,
    options?: { limit?: number; signal?: AbortSignal | undefined },
  ): Promise<TagList>
  /** Asks a registry for nothing but access, to check its address and credential. */
  ping(registry: string, options?: { signal?: AbortSignal | undefined }): Promise<PingResult>
  /** Brings a resolved image to disk as an OCI layout whose blobs are hard links into the cache. */
  pull(image: ResolvedImage, options: PullOptions): Promise<PulledImage>
  /** Closes its connections. */
  close(): void
}

const DEFAULT_TAG_LIMIT = 10_000
/** Failures that another endpoint cannot mend. */
const FINAL_CODES = new Set(['cancelled', 'disk-full'])

class HttpRegistryClient implements RegistryClient {
  private readonly policy: RegistryPolicy
  private readonly sessions = new Map<string, RegistrySession>()

  constructor(private readonly options: RegistryClientOptions) {
    this.policy = RegistryPolicySchema.parse(options.policy ?? {})
  }

  async resolve(
    reference: ImageReference,
    platform?: Platform,
    options: { signal?: AbortSignal | undefined } = {},
  ): Promise<ResolvedImage> {
    return this.withEndpoints(
      reference.registry,
      (session) => this.resolver(session, reference, options.signal).resolve(platform),
      options.signal,
    )
  }

  async headDigest(reference: ImageReference, options: { signal?: AbortSignal | undefined } = {}): Promise<string> {
    return this.withEndpoints(
      reference.registry,
      async (session) => {
        const answer = await session.readShort(
          {
            path: `/v2/${session.repository(reference.path)}/manifests/${reference.digest ?? reference.tag ?? 'latest'}`,
            method: 'HEAD',
            headers: { Accept: ACCEPTED_MANIFESTS },
            scope: session.pullScope(reference.path),
            what: `the digest of ${formatImageReference(reference)}`,
            deadlineMs: this.shortDeadlineMs(),
            signal: this.signal(options.signal),
          },
          { limitBytes: 0, tooLarge: () => new Error('a HEAD request has no body') },
        )
        const stated = answer.header('docker-content-digest')
        if (reference.digest !== null) return reference.digest
        return stated !== undefined && isDigest(stated) ? stated : this.resolver(session, reference, options.signal).fetchDigest()
      },
      options.signal,
    )
  }

  async listTags(
    repository: Pick<ImageReference, 'registry' | 'path'>,
    options: { limit?: number; signal?: AbortSignal | undefined } = {},
  ): Promise<TagList> {
    return this.withEndpoints(
      repository.registry,
      (session) =>
        listTags(session, repository, {
          limit: options.limit ?? DEFAULT_TAG_LIMIT,
          shortTotalMs: this.policy.timeouts.shortTotalMs,
          signal: this.signal(options.signal),
        }),
      options.signal,
    )
  }

  async ping(registry: string, options: { signal?: AbortSignal | undefined } = {}): Promise<PingResult> {
    const session = this.session(originEndpoint(this.policy, registry))
    const request = {
      path: '/v2/',
      scope: '',
      what: `access to ${registry}`,
      deadlineMs: this.shortDeadlineMs(),
      signal: this.signal(options.signal),
    }
    const answer = await session.send(request)
    await session.requireStatus(answer, [200], request)
    answer.body.resume()
    if (!(await session.authenticator.hasCredential())) return { credential: 'none' }
    return { credential: (await session.authenticator.present('')) === undefined ? 'not-asked' : 'accepted' }
  }

  async pull(image: ResolvedImage, options: PullOptions): Promise<PulledImage> {
    const signal = this.signal(options.signal)
    const { registry, path } = image.reference
    const downloadOf = (blob: { digest: string; sizeBytes: number }, blobSignal: AbortSignal): BlobDownload => ({
      ...blob,
      repositoryPath: path,
      idleMs: this.policy.timeouts.idleMs,
      deadlineMs: performance.now() + this.policy.timeouts.blobTotalMs,
      signal: blobSignal,
    })
    const source: BlobSource = {
      download: (writer, blob, blobSignal, onBytes) =>
        this.withEndpoints(
          registry,
          async (session) => {
            await writer.restart()
            await downloadBlob(writer, session, { ...downloadOf(blob, blobSignal), onBytes })
            // Checked here, so that a mirror with a wrong blob is followed by the next endpoint.
            writer.finish()
          },
          blobSignal,
        ),
      canRead: async (blob, blobSignal) => {
        try {
          await this.withEndpoints(registry, (session) => requireReadableBlob(session, downloadOf(blob, blobSignal)), blobSignal)
          return true
        } catch (error) {
          if (!(error instanceof PharosError) || FINAL_CODES.has(error.code)) throw error
          // Not shown to be readable: the download that follows has the exact reason.
          return false
        }
      },
    }
    return new ImagePull(image, source, { ...options, signal }).run()
  }

  close(): void {
    for (const session of this.sessions.values()) session.close()
    this.sessions.clear()
  }

  private resolver(session: RegistrySession, reference: ImageReference, signal: AbortSignal | undefined): ImageResolver {
    return new ImageResolver(session, reference, {
      manifestLimitBytes: this.policy.manifestLimitBytes,
      imageLimitBytes: this.policy.imageLimitBytes,
      deadlineMs: this.shortDeadlineMs(),
      signal: this.signal(signal),
    })
  }

  private shortDeadlineMs(): number {
    return performance.now() + this.policy.timeouts.shortTotalMs
  }

  private signal(own: AbortSignal | undefined): AbortSignal | undefined {
    const signals = [this.options.signal, own].filter((signal) => signal !== undefined)
    return signals.length > 1 ? AbortSignal.any(signals) : signals[0]
  }

  private session(endpoint: RegistryEndpoint): RegistrySession {
    const key = `${endpoint.origin}/${endpoint.prefix}`
    const known = this.sessions.get(key)
    if (known !== undefined) return known
    const session = new RegistrySession(endpoint, this.policy, this.options.credentials, {
      userAgent: this.options.userAgent ?? 'pharos',
      resolveName: this.options.resolveName,
    })
    this.sessions.set(key, session)
    return session
  }

  /** Asks the mirrors in order, then the registry itself; the last endpoint's failure is the answer. */
  private async withEndpoints<T>(
    registry: string,
    work: (session: RegistrySession) => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    const endpoints = endpointsOf(this.policy, registry)
    for (const endpoint of endpoints.slice(0, -1)) {
      throwIfCancelled(this.signal(signal))
      try {
        return await work(this.session(endpoint))
      } catch (error) {
        if (!(error instanceof PharosError) || FINAL_CODES.has(error.code)) throw error
        // A mirror that fails is no failure: the next endpoint is asked.
      }
    }
    throwIfCancelled(this.signal(signal))
    return work(this.session(originEndpoint(this.policy, registry)))
  }
}

/** Makes a client. One an attempt: it keeps the attempt's credential and tokens, and {@link RegistryClient.close} ends them. */
export function createRegistryClient(options: RegistryClientOptions = {}): RegistryClient {
  return new HttpRegistryClient(options)
}
