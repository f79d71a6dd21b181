import { parseImageReference } from '@pharos/registry'
import { isPlatformOf } from './platform-cpe.js'
import { type Purl, parsePurl } from './purl.js'

/** What an image is known by. */
export interface ImageNames {
  /** Digests of its manifest, of the indexes that list it, and of its configuration. */
  readonly digests: readonly string[]
  /** os/architecture[/variant] */
  readonly platform: string
  /** Name and version of its distribution, e.g. `rhel 9.4`; null when it has none. */
  readonly distro: string | null
  /** Repositories (registry/path) that hold it, each with the tags that lead to it now. */
  readonly repositories: readonly { readonly name: string; readonly tags: readonly string[] }[]
}

/**
 * Tells whether an id of a VEX product means an image. Understood are image references with a tag or digest, digests with and without
 * their algorithm, and purls of type oci and docker. Docker Hub goes by all its names.
 */
export class ImageIdentity {
  private readonly digests: ReadonlySet<string>
  private readonly architecture: string

  constructor(private readonly names: ImageNames) {
    this.digests = new Set(names.digests)
    this.architecture = names.platform.split('/')[1] ?? ''
  }

  /** Repositories that hold the image, as registry/path. */
  get repositories(): readonly string[] {
    return this.names.repositories.map(({ name }) => name)
  }

  /** Whether a CPE names its distribution: what is said of components of that is said of the image's. */
  isOnPlatform(id: string): boolean {
    return isPlatformOf(id, this.names.distro)
  }

  isMeantBy(id: string): boolean {
    if (/^[0-9a-f]{64}$/i.test(id)) return this.digests.has(`sha256:${id.toLowerCase()}`)
    if (/^sha(256|512):/.test(id)) return this.digests.has(id)
    if (!id.startsWith('pkg:')) return this.isReference(id)
    const purl = parsePurl(id)
    return purl !== null && (purl.type === 'oci' || purl.type === 'docker') && this.isPurl(purl)
  }

  private isReference(id: string): boolean {
    // An id may be any URI; those of a scheme are never references.
    if (!/[:@]/.test(id) || id.includes('://') || id.startsWith('urn:')) return false
    try {
      const { registry, path, tag, digest } = parseImageReference(id)
      const repository = this.names.repositories.find(({ name }) => name === `${registry}/${path}`)
      if (repository === undefined) return false
      if (digest !== null) return this.digests.has(digest)
      return tag !== null && isTagOf(id, tag) && repository.tags.includes(tag)
    } catch {
      return false
    }
  }

  private isPurl(purl: Purl): boolean {
    const { version, qualifiers } = purl
    const tag = qualifiers.get('tag') ?? (purl.type === 'docker' && version !== '' && !version.startsWith('sha256:') ? version : undefined)
    if (version !== '' && version !== tag && !this.digests.has(version)) return false
    for (const [name, value] of qualifiers) {
      const isMet = name === 'repository_url' || name === 'tag' || (name === 'arch' && value === this.architecture)
      if (!isMet) return false
    }
    const url = qualifiers.get('repository_url')
    return this.names.repositories.some(({ name, tags }) => isRepositoryOf(purl, name, url) && (tag === undefined || tags.includes(tag)))
  }
}

/** `latest` is added to a reference that names no tag: such an id means a repository, and no image. */
function isTagOf(id: string, tag: string): boolean {
  return id.endsWith(`:${tag}`)
}

const hub = 'docker.io'
const hubNames: ReadonlySet<string> = new Set(['docker.io', 'index.docker.io', 'registry-1.docker.io', 'registry.hub.docker.com'])

/** A repository in one spelling: Docker Hub by one name, its official images with their implied namespace. */
function normalRepository(text: string): string {
  const [host = '', ...path] = text
    .replace(/^https?:\/\//, '')
    .replace(/\/+$/, '')
    .split('/')
  if (!hubNames.has(host.toLowerCase())) return [host, ...path].join('/')
  return [hub, ...(path.length === 1 ? ['library', ...path] : path)].join('/')
}

/**
 * Whether a purl names a repository. `repository_url` holds the whole path (the purl specification's examples) or, as some writers have
 * it, the path without the name.
 */
function isRepositoryOf(purl: Purl, repository: string, url: string | undefined): boolean {
  const name = repository.slice(repository.lastIndexOf('/') + 1)
  if (purl.name !== name.toLowerCase()) return false
  if (url === undefined) return purl.namespace === '' || repository.toLowerCase().endsWith(`/${purl.namespace.toLowerCase()}/${purl.name}`)
  const spellings = [url, `${url.replace(/\/+$/, '')}/${name}`].map((text) => normalRepository(text).toLowerCase())
  return spellings.includes(normalRepository(repository).toLowerCase())
}
