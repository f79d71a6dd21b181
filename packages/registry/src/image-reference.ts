import { digestParts } from './digest.js'
import { printable, registryProblem } from './registry-problem.js'

/**
 * A parsed image reference, in the canonical form: registry and path are always named.
 * Source of the grammar: github.com/distribution/reference, reference.go and regexp.go.
 */
export interface ImageReference {
  /** `host` or `host:port`, lowercase only where the grammar asks for it; `docker.io` for Docker Hub. */
  registry: string
  /** Repository path without the registry, e.g. `library/alpine`. */
  path: string
  /** Tag; null when only a digest was given. `latest` when neither was. */
  tag: string | null
  /** Digest; null when only a tag was given. */
  digest: string | null
}

const NAME_LIMIT = 255
const TAG_LIMIT = 128
/** registry (255) + path + tag + sha512 digest fit well below; anything longer is refused before a pattern sees it. */
const REFERENCE_LIMIT = 1024

const DOMAIN_COMPONENT = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])'
const DOMAIN_PATTERN = new RegExp(`^(?:${DOMAIN_COMPONENT}(?:\\.${DOMAIN_COMPONENT})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?$`)
const PATH_COMPONENT = '[a-z0-9]+(?:(?:[._]|__|[-]+)[a-z0-9]+)*'
const PATH_PATTERN = new RegExp(`^${PATH_COMPONENT}(?:/${PATH_COMPONENT})*$`)
const TAG_PATTERN = /^[\w][\w.-]{0,127}$/

function invalid(why: string): never {
  throw registryProblem('reference-invalid', why)
}

function quoted(text: string): string {
  return `"${printable(text, 80)}"`
}

/** Splits the domain off as Docker does: the first part is one when it has a dot, a colon, an uppercase letter, or is `localhost`. */
function splitDomain(name: string): { registry: string; path: string } {
  const slash = name.indexOf('/')
  const first = slash < 0 ? '' : name.slice(0, slash)
  const isDomain = slash >= 0 && (/[.:]/.test(first) || first === 'localhost' || first.toLowerCase() !== first)
  const registry = isDomain ? first : 'docker.io'
  const rest = isDomain ? name.slice(slash + 1) : name
  const canonical = registry === 'index.docker.io' ? 'docker.io' : registry
  return { registry: canonical, path: canonical === 'docker.io' && !rest.includes('/') ? `library/${rest}` : rest }
}

/** Says in words what is wrong with a repository path that does not match the grammar. */
function explainPath(path: string): string {
  if (path === 'library/' || path === '') return 'The reference names no repository.'
  const display = quoted(path)
  if (/[A-Z]/.test(path)) return `The repository ${display} has uppercase letters; repository names are lowercase.`
  const odd = /[^a-z0-9._/-]/u.exec(path)?.[0]
  if (odd !== undefined) return `The repository ${display} holds ${quoted(odd)}; only a-z, 0-9, ".", "_", "-" and "/" are allowed.`
  if (path.startsWith('/') || path.endsWith('/') || path.includes('//')) return `The repository ${display} has an empty part.`
  return `A part of the repository ${display} begins, ends or is joined with separators that are not allowed.`
}

function explainDigest(digest: string): string {
  if (!/^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}$/.test(digest))
    return `The digest ${quoted(digest)} does not have the form algorithm:hex, e.g. sha256 and 64 hex digits.`
  const [algorithm = '', hex = ''] = digest.split(':')
  if (algorithm !== 'sha256' && algorithm !== 'sha512')
    return `The digest algorithm ${quoted(algorithm)} is not supported; sha256 and sha512 are.`
  if (hex !== hex.toLowerCase()) return 'The digest has uppercase hex digits; digests are lowercase.'
  return `The ${algorithm} digest has ${hex.length} hex digits instead of ${algorithm === 'sha256' ? 64 : 128}.`
}

function checkRegistry(registry: string): void {
  if (registry.length > NAME_LIMIT) invalid(`The registry name is ${registry.length} characters long; at most ${NAME_LIMIT} are allowed.`)
  if (!DOMAIN_PATTERN.test(registry)) invalid(`The registry ${quoted(registry)} is not a host name with an optional port.`)
  const port = /:(\d+)$/.exec(registry.replace(/^\[[^\]]*\]/, ''))?.[1]
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535))
    invalid(`The port ${quoted(port)} of the registry is not between 1 and 65535.`)
  // The grammar takes any run of hex and colons in the brackets; a URL does not, and its parser has the last word.
  if (registry.startsWith('[') && !URL.canParse(`https://${registry}/`)) invalid(`The registry ${quoted(registry)} is not an IPv6 address.`)
}

/**
 * Parses an image reference by the grammar of the distribution project, with Docker Hub's defaults
 * (`alpine` is `docker.io/library/alpine:latest`).
 * @throws PharosError `reference-invalid`, with a detail that says what is wrong.
 */
export function parseImageReference(text: string): ImageReference {
  if (text === '') invalid('The reference is empty.')
  if (text.startsWith('-')) invalid('The reference begins with "-"; it would be read as an option.')
  if (text.length > REFERENCE_LIMIT) invalid(`The reference is ${text.length} characters long; at most ${REFERENCE_LIMIT} are allowed.`)
  if (/\s/.test(text)) invalid('The reference holds white space.')
  const foreign = /[^\x21-\x7e]/u.exec(text)?.[0]
  if (foreign !== undefined)
    invalid(
      `The reference holds the character ${quoted(foreign)} (U+${(foreign.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}); only ASCII is allowed.`,
    )
  if (/^[a-z]+:\/\//i.test(text)) invalid('The reference is a URL; leave the scheme out.')

  const at = text.indexOf('@')
  const digest = at < 0 ? null : text.slice(at + 1)
  if (digest !== null && digestParts(digest) === null) invalid(explainDigest(digest))
  const nameAndTag = at < 0 ? text : text.slice(0, at)

  const colon = nameAndTag.lastIndexOf(':')
  const hasTag = colon > nameAndTag.lastIndexOf('/')
  const tag = hasTag ? nameAndTag.slice(colon + 1) : null
  const name = hasTag ? nameAndTag.slice(0, colon) : nameAndTag
  if (tag !== null) {
    if (tag === '') invalid('The reference ends with ":" but has no tag.')
    if (tag.length > TAG_LIMIT) invalid(`The tag is ${tag.length} characters long; at most ${TAG_LIMIT} are allowed.`)
    if (!TAG_PATTERN.test(tag))
      invalid(`The tag ${quoted(tag)} is not allowed: letters, digits, "_", "." and "-", not beginning with "." or "-".`)
  }
  if (name === '') invalid('The reference names no repository.')
  if (/^[0-9a-f]{64}$/.test(name)) invalid('The reference is 64 hex digits: an image id, not a repository.')

  const { registry, path } = splitDomain(name)
  checkRegistry(registry)
  if (!PATH_PATTERN.test(path)) invalid(explainPath(path))
  if (path.length > NAME_LIMIT) invalid(`The repository name is ${path.length} characters long; at most ${NAME_LIMIT} are allowed.`)
  return { registry, path, tag: tag ?? (digest === null ? 'latest' : null), digest }
}

/** The canonical text of a reference; parsing it gives the same reference again. */
export function formatImageReference(reference: ImageReference): string {
  const tag = reference.tag === null ? '' : `:${reference.tag}`
  const digest = reference.digest === null ? '' : `@${reference.digest}`
  return `${reference.registry}/${reference.path}${tag}${digest}`
}

/** Parses `registry/path` without tag or digest, e.g. for a watch on a repository. */
export function parseRepository(text: string): Pick<ImageReference, 'registry' | 'path'> {
  const reference = parseImageReference(text)
  if (reference.digest !== null || text.lastIndexOf(':') > text.lastIndexOf('/'))
    invalid('A repository is needed, without a tag or a digest.')
  return { registry: reference.registry, path: reference.path }
}
