/** Versions from one (included) up to another (not included), as dotted numbers. */
export interface VersionRange {
  readonly from: string
  readonly below: string
}

/** Whether a version lies in a range. Suffixes such as `-rc1` count as the version that they lead to. */
export function isSupported(version: string, range: VersionRange): boolean {
  return compareVersions(version, range.from) >= 0 && compareVersions(version, range.below) < 0
}

function numbers(version: string): number[] {
  return (/\d+(?:\.\d+)*/.exec(version)?.[0] ?? '').split('.').map(Number)
}

function compareVersions(left: string, right: string): number {
  const a = numbers(left)
  const b = numbers(right)
  for (let index = 0; index < Math.max(a.length, b.length); index += 1) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}
