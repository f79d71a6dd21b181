import { compareNumbers, compareTexts, type VersionOrder } from './version-comparison.js'

const preReleases = new Set([
  'a',
  'alpha',
  'b',
  'beta',
  'm',
  'milestone',
  'rc',
  'cr',
  'c',
  'pre',
  'preview',
  'dev',
  'snapshot',
  'canary',
  'nightly',
])

/** Any text: runs of digits by value, letters by the alphabet; what is known for an unfinished release sorts before the release. */
export const compareGenericVersions: VersionOrder = (one, other) => {
  const tokens = (version: string) => version.replace(/^[vV](?=\d)/, '').match(/\d+|[A-Za-z]+/g) ?? []
  const [left, right] = [tokens(one), tokens(other)]
  for (let at = 0; at < Math.max(left.length, right.length); at += 1) {
    const [a, b] = [left[at], right[at]]
    if (a === undefined || b === undefined) {
      const rest = (a === undefined ? right : left).slice(at)
      const isLower = preReleases.has((rest[0] ?? '').toLowerCase())
      if (!isLower && rest.every((token) => /^0+$/.test(token))) return 0
      return (a === undefined) === isLower ? 1 : -1
    }
    const [isNumber, isOtherNumber] = [/^\d/.test(a), /^\d/.test(b)]
    if (isNumber !== isOtherNumber) return isNumber ? 1 : -1
    const order = isNumber ? compareNumbers(a, b) : compareTexts(a.toLowerCase(), b.toLowerCase())
    if (order !== 0) return order
  }
  return 0
}

const semantic = /^(?:v|go)?(\d+(?:\.\d+){0,3})(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.+-]*)?$/

/** Semantic versions, of up to four numbers, with or without `v`; build metadata counts for nothing. What is none is ordered as any text. */
export const compareSemanticVersions: VersionOrder = (one, other) => {
  const [left, right] = [semantic.exec(one.trim()), semantic.exec(other.trim())]
  if (left === null || right === null) return compareGenericVersions(one, other)
  const [numbers, otherNumbers] = [(left[1] ?? '').split('.'), (right[1] ?? '').split('.')]
  for (let at = 0; at < 4; at += 1) {
    const order = compareNumbers(numbers[at] ?? '0', otherNumbers[at] ?? '0')
    if (order !== 0) return order
  }
  const [pre, otherPre] = [left[2], right[2]]
  if (pre === undefined || otherPre === undefined) return pre === otherPre ? 0 : pre === undefined ? 1 : -1
  const [parts, otherParts] = [pre.split('.'), otherPre.split('.')]
  for (let at = 0; at < Math.max(parts.length, otherParts.length); at += 1) {
    const [a, b] = [parts[at], otherParts[at]]
    if (a === undefined || b === undefined) return a === undefined ? -1 : 1
    const [isNumber, isOtherNumber] = [/^\d+$/.test(a), /^\d+$/.test(b)]
    if (isNumber !== isOtherNumber) return isNumber ? -1 : 1
    const order = isNumber ? compareNumbers(a, b) : compareTexts(a, b)
    if (order !== 0) return order
  }
  return 0
}

const python =
  /^v?(?:(\d+)!)?(\d+(?:\.\d+)*)(?:[._-]?(a|alpha|b|beta|c|rc|pre|preview)[._-]?(\d*))?(?:-(\d+)|[._-]?(post|rev|r)[._-]?(\d*))?(?:[._-]?(dev)[._-]?(\d*))?(?:\+([a-z0-9]+(?:[._-][a-z0-9]+)*))?$/
const pythonPhases: Readonly<Record<string, number>> = { a: 0, alpha: 0, b: 1, beta: 1, c: 2, rc: 2, pre: 2, preview: 2 }

/** Python versions (PEP 440). What is none is ordered as any text. */
export const comparePythonVersions: VersionOrder = (one, other) => {
  const [left, right] = [python.exec(one.trim().toLowerCase()), python.exec(other.trim().toLowerCase())]
  if (left === null || right === null) return compareGenericVersions(one, other)
  const epoch = compareNumbers(left[1] ?? '', right[1] ?? '')
  if (epoch !== 0) return epoch
  const [release, otherRelease] = [(left[2] ?? '').split('.'), (right[2] ?? '').split('.')]
  for (let at = 0; at < Math.max(release.length, otherRelease.length); at += 1) {
    const order = compareNumbers(release[at] ?? '0', otherRelease[at] ?? '0')
    if (order !== 0) return order
  }
  return comparePythonPhases(left, right)
}

/** A development release comes before its pre-releases, these before the release, and post-releases after it. */
function comparePythonPhases(left: RegExpExecArray, right: RegExpExecArray): number {
  const phase = (found: RegExpExecArray) => {
    const isPost = found[5] !== undefined || found[6] !== undefined
    const isDev = found[8] !== undefined
    const pre = found[3] === undefined ? (isDev && !isPost ? -1 : 3) : (pythonPhases[found[3]] ?? 2)
    return { pre, preNumber: found[4] ?? '', isPost, post: found[5] ?? found[7] ?? '', isDev, dev: found[9] ?? '', local: found[10] ?? '' }
  }
  const [a, b] = [phase(left), phase(right)]
  return (
    a.pre - b.pre ||
    compareNumbers(a.preNumber, b.preNumber) ||
    Number(a.isPost) - Number(b.isPost) ||
    compareNumbers(a.post, b.post) ||
    Number(b.isDev) - Number(a.isDev) ||
    compareNumbers(a.dev, b.dev) ||
    compareLocals(a.local, b.local)
  )
}

function compareLocals(one: string, other: string): number {
  const [left, right] = [one.split(/[._-]/), other.split(/[._-]/)]
  if (one === '' || other === '') return Number(one !== '') - Number(other !== '')
  for (let at = 0; at < Math.max(left.length, right.length); at += 1) {
    const [a, b] = [left[at], right[at]]
    if (a === undefined || b === undefined) return a === undefined ? -1 : 1
    const [isNumber, isOtherNumber] = [/^\d+$/.test(a), /^\d+$/.test(b)]
    if (isNumber !== isOtherNumber) return isNumber ? 1 : -1
    const order = isNumber ? compareNumbers(a, b) : compareTexts(a, b)
    if (order !== 0) return order
  }
  return 0
}

interface MavenToken {
  readonly isDot: boolean
  readonly text: string
}

const mavenQualifiers = ['alpha', 'beta', 'milestone', 'rc', 'snapshot', '', 'sp']
const mavenNames: Readonly<Record<string, string>> = { cr: 'rc', ga: '', final: '', release: '' }
const mavenShort: Readonly<Record<string, string>> = { a: 'alpha', b: 'beta', m: 'milestone' }

/** Maven's version order specification (maven.apache.org/pom.html): tokens with the separator in front of them. */
function mavenTokens(version: string): MavenToken[] {
  const tokens: MavenToken[] = []
  const pattern = /([.-]?)(\d+|[^\d.-]+|(?=[.-]|$))/gy
  let former = ''
  for (const [whole, separator = '', raw = ''] of version.toLowerCase().matchAll(pattern)) {
    if (whole === '' && tokens.length > 0) break
    const name = mavenNames[raw] ?? raw
    tokens.push({ isDot: separator === '.' || tokens.length === 0, text: raw === '' ? '0' : name })
    // A letter that a digit follows at once is short for its word.
    const before = tokens.at(-2)
    if (separator === '' && /^\d/.test(raw) && before !== undefined && former in mavenShort)
      tokens[tokens.length - 2] = { ...before, text: mavenShort[former] ?? former }
    former = raw
  }
  for (let at = tokens.length - 1; at > 0; at -= 1) {
    const next = tokens[at + 1]
    const isNull = /^0*$/.test(tokens[at]?.text ?? '')
    if (isNull && (next === undefined || !next.isDot)) tokens.splice(at, 1)
  }
  return tokens
}

function compareMavenTokens(one: MavenToken, other: MavenToken): number {
  const [isNumber, isOtherNumber] = [/^\d/.test(one.text), /^\d/.test(other.text)]
  if (isNumber && isOtherNumber) return Number(one.isDot) - Number(other.isDot) || compareNumbers(one.text, other.text)
  if (isNumber !== isOtherNumber) return isNumber ? 1 : -1
  const rank = ({ text }: MavenToken) => (mavenQualifiers.includes(text) ? mavenQualifiers.indexOf(text) : mavenQualifiers.length)
  return rank(one) - rank(other) || compareTexts(one.text, other.text)
}

/** Order of Maven artifacts. */
export const compareMavenVersions: VersionOrder = (one, other) => {
  const [left, right] = [mavenTokens(one), mavenTokens(other)]
  for (let at = 0; at < Math.max(left.length, right.length); at += 1) {
    const [a, b] = [left[at], right[at]]
    const known = a ?? b
    if (known === undefined) break
    const padding = { isDot: known.isDot, text: known.isDot && /^\d/.test(known.text) ? '0' : /^\d/.test(known.text) ? '0' : '' }
    const order = compareMavenTokens(a ?? padding, b ?? padding)
    if (order !== 0) return order
  }
  return 0
}

/** Order of Ruby gems (Gem::Version): letters make a pre-release. */
export const compareGemVersions: VersionOrder = (one, other) => {
  const segments = (version: string) => {
    const found: string[] = version.replace(/-/g, '.pre.').match(/\d+|[A-Za-z]+/g) ?? []
    while (found.length > 1 && /^0+$/.test(found.at(-1) ?? '')) found.pop()
    return found
  }
  const [left, right] = [segments(one), segments(other)]
  for (let at = 0; at < Math.max(left.length, right.length); at += 1) {
    const [a, b] = [left[at] ?? '0', right[at] ?? '0']
    const [isNumber, isOtherNumber] = [/^\d/.test(a), /^\d/.test(b)]
    if (isNumber !== isOtherNumber) return isNumber ? 1 : -1
    const order = isNumber ? compareNumbers(a, b) : compareTexts(a, b)
    if (order !== 0) return order
  }
  return 0
}
