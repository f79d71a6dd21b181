/** ETag of a thing whose changes are numbered. */
export function versionTag(version: number): string {
  return `"${version}"`
}

/** Whether an If-Match header names this version. */
export function matchesVersion(ifMatch: string, version: number): boolean {
  return ifMatch.split(',').some((tag) => tag.trim() === '*' || tag.trim() === versionTag(version))
}
