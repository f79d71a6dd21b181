/** A package URL, taken apart and normalised as its type says. */
export interface Purl {
  readonly type: string
  readonly namespace: string
  readonly name: string
  readonly version: string
  readonly qualifiers: ReadonlyMap<string, string>
}

/** Types whose namespaces and names are the same in any case (the purl specification's list of types). */
const lowerCaseTypes: ReadonlySet<string> = new Set([
  'alpm',
  'apk',
  'bitbucket',
  'bitnami',
  'composer',
  'deb',
  'github',
  'golang',
  'npm',
  'oci',
  'pypi',
])

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    // A stray percent sign stands for itself.
    return text
  }
}

/** The part before the last `mark` (null without one), and the part behind it. */
function cutLast(text: string, mark: string): readonly [string | null, string] {
  const at = text.lastIndexOf(mark)
  return at < 0 ? [null, text] : [text.slice(0, at), text.slice(at + 1)]
}

/** Takes a package URL apart; null for what is none. The subpath is left out: no statement is about a part of a package. */
export function parsePurl(text: string): Purl | null {
  const [, type, path = '', query = ''] = /^pkg:\/*([A-Za-z0-9.+-]+)\/([^?#]*)(?:\?([^#]*))?/.exec(text.trim()) ?? []
  if (type === undefined) return null
  const [namespace, nameAndVersion] = cutLast(path.replace(/^\/+|\/+$/g, ''), '/')
  const [named, last] = cutLast(nameAndVersion, '@')
  const name = decoded(named ?? last)
  if (name === '') return null
  const key = type.toLowerCase()
  const cased = (value: string): string => (lowerCaseTypes.has(key) ? value.toLowerCase() : value)
  return {
    type: key,
    namespace: cased(decoded(namespace ?? '')),
    name: key === 'pypi' ? cased(name).replaceAll('_', '-') : cased(name),
    version: named === null ? '' : decoded(last),
    qualifiers: qualifiersOf(query),
  }
}

function qualifiersOf(text: string): Map<string, string> {
  const qualifiers = new Map<string, string>()
  for (const pair of text.split('&')) {
    const equals = pair.indexOf('=')
    if (equals < 1) continue
    const value = decoded(pair.slice(equals + 1))
    if (value !== '') qualifiers.set(pair.slice(0, equals).toLowerCase(), value)
  }
  return qualifiers
}

const escaped = (text: string): string => encodeURIComponent(text).replaceAll('%3A', ':')

/** Writes a package URL in its canonical form. */
export function formatPurl({ type, namespace, name, version, qualifiers }: Purl): string {
  const path = [...namespace.split('/').filter((part) => part !== ''), name].map(escaped).join('/')
  const query = [...qualifiers]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([key, value]) => `${key}=${escaped(value).replaceAll('%2F', '/')}`)
    .join('&')
  return `pkg:${type}/${path}${version === '' ? '' : `@${escaped(version)}`}${query === '' ? '' : `?${query}`}`
}

/** Type, namespace and name, by which purls that may match are found. */
export function purlKey({ type, namespace, name }: Purl): string {
  return JSON.stringify([type, namespace, name])
}

/**
 * Whether what a statement is about includes a package: type, namespace and name are the same, the version is the same or not
 * given, and all qualifiers of the statement's are the package's too. Qualifiers that only the package has make no difference.
 */
export function purlIncludes(stated: Purl, found: Purl): boolean {
  if (stated.type !== found.type || stated.namespace !== found.namespace || stated.name !== found.name) return false
  if (stated.version !== '' && stated.version !== found.version) return false
  for (const [name, value] of stated.qualifiers) if (found.qualifiers.get(name) !== value) return false
  return true
}
