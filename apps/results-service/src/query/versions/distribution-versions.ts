import { compareNumbers, compareTexts, type VersionOrder } from './version-comparison.js'

/** Weight of a character in dpkg's order: `~` before the end, the end before letters, letters before everything else. */
function debWeight(character: string | undefined): number {
  if (character === undefined || /\d/.test(character)) return 0
  if (character === '~') return -1
  return /[A-Za-z]/.test(character) ? character.charCodeAt(0) : character.charCodeAt(0) + 256
}

/** dpkg's verrevcmp (lib/dpkg/version.c): runs of other characters and runs of digits in turn. */
function compareDebPart(one: string, other: string): number {
  let [left, right] = [one, other]
  while (left !== '' || right !== '') {
    while ((left !== '' && !/^\d/.test(left)) || (right !== '' && !/^\d/.test(right))) {
      const order = debWeight(left[0]) - debWeight(right[0])
      if (order !== 0) return order
      left = left.slice(1)
      right = right.slice(1)
    }
    const leftDigits = /^\d*/.exec(left)?.[0] ?? ''
    const rightDigits = /^\d*/.exec(right)?.[0] ?? ''
    const order = compareNumbers(leftDigits, rightDigits)
    if (order !== 0) return order
    left = left.slice(leftDigits.length)
    right = right.slice(rightDigits.length)
  }
  return 0
}

/** The epoch in front of the first colon, where digits alone stand there. */
function splitEpoch(version: string): [epoch: string, rest: string] {
  const found = /^(\d+):(.*)$/s.exec(version)
  return found === null ? ['0', version] : [found[1] ?? '0', found[2] ?? '']
}

/** Order of Debian packages: epoch, upstream version, revision. */
export const compareDebVersions: VersionOrder = (one, other) => {
  const parts = (version: string) => {
    const [epoch, rest] = splitEpoch(version)
    const hyphen = rest.lastIndexOf('-')
    return { epoch, upstream: hyphen < 0 ? rest : rest.slice(0, hyphen), revision: hyphen < 0 ? '' : rest.slice(hyphen + 1) }
  }
  const [left, right] = [parts(one), parts(other)]
  return (
    compareNumbers(left.epoch, right.epoch) ||
    compareDebPart(left.upstream, right.upstream) ||
    compareDebPart(left.revision, right.revision)
  )
}

/** rpm's rpmvercmp (rpmio/rpmvercmp.c): `~` sorts before the end, `^` after it, numbers after letters. */
function compareRpmPart(one: string, other: string): number {
  const tokens = (text: string) => text.match(/\d+|[A-Za-z]+|[~^]/g) ?? []
  const [left, right] = [tokens(one), tokens(other)]
  for (let at = 0; ; at += 1) {
    const [a, b] = [left[at], right[at]]
    if (a === undefined && b === undefined) return 0
    if (a === '~' || b === '~') {
      if (a === b) continue
      return a === '~' ? -1 : 1
    }
    if (a === '^' || b === '^') {
      if (a === b) continue
      if (a === undefined || b === undefined) return a === undefined ? -1 : 1
      return a === '^' ? -1 : 1
    }
    if (a === undefined || b === undefined) return a === undefined ? -1 : 1
    const [isNumber, isOtherNumber] = [/^\d/.test(a), /^\d/.test(b)]
    if (isNumber !== isOtherNumber) return isNumber ? 1 : -1
    const order = isNumber ? compareNumbers(a, b) : compareTexts(a, b)
    if (order !== 0) return order
  }
}

/** Order of RPM packages: epoch, version, and release where both have one. */
export const compareRpmVersions: VersionOrder = (one, other) => {
  const parts = (version: string) => {
    const [epoch, rest] = splitEpoch(version)
    const [number = '', release] = rest.split('-', 2)
    return { epoch, number, release }
  }
  const [left, right] = [parts(one), parts(other)]
  const order = compareNumbers(left.epoch, right.epoch) || compareRpmPart(left.number, right.number)
  if (order !== 0 || left.release === undefined || right.release === undefined) return order
  return compareRpmPart(left.release, right.release)
}

const apkSuffixes = ['alpha', 'beta', 'pre', 'rc', '', 'cvs', 'svn', 'git', 'hg', 'p']
const apkVersion = /^(\d+(?:\.\d+)*)([a-z]?)((?:_[a-z]+\d*)*)(?:~[0-9a-f]+)?(?:-r(\d+))?$/

/** Order of Alpine packages (apk-tools, src/version.c). What does not parse is ordered as Debian does. */
export const compareApkVersions: VersionOrder = (one, other) => {
  const [left, right] = [apkVersion.exec(one), apkVersion.exec(other)]
  if (left === null || right === null) return compareDebVersions(one, other)
  const [numbers, otherNumbers] = [(left[1] ?? '').split('.'), (right[1] ?? '').split('.')]
  for (let at = 0; at < Math.max(numbers.length, otherNumbers.length); at += 1) {
    const [a, b] = [numbers[at], otherNumbers[at]]
    if (a === undefined || b === undefined) return a === undefined ? -1 : 1
    // Behind the first, a part with a leading zero counts as a fraction.
    const isFraction = at > 0 && (a.startsWith('0') || b.startsWith('0'))
    const order = isFraction ? compareTexts(a, b) : compareNumbers(a, b)
    if (order !== 0) return order
  }
  const suffixes = (text: string | undefined) =>
    [...(text ?? '').matchAll(/_([a-z]+)(\d*)/g)].map(([, name = '', number = '']) => ({ rank: apkSuffixes.indexOf(name), number }))
  const [suffix, otherSuffix] = [suffixes(left[3]), suffixes(right[3])]
  const none = { rank: apkSuffixes.indexOf(''), number: '' }
  let order = compareTexts(left[2] ?? '', right[2] ?? '')
  for (let at = 0; order === 0 && at < Math.max(suffix.length, otherSuffix.length); at += 1) {
    const [a, b] = [suffix[at] ?? none, otherSuffix[at] ?? none]
    order = a.rank - b.rank || compareNumbers(a.number, b.number)
  }
  return order || compareNumbers(left[4] ?? '', right[4] ?? '')
}
