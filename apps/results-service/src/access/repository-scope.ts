import type { Principal } from '@pharos/contracts'

/**
 * What a caller may see, for SQL: LIKE patterns of registry/repository; null is everything. Use it as
 * `($1::text[] is null or repository like any($1))`.
 */
export type VisibleRepositories = readonly string[] | null

/** Turns `*` into `%` and takes LIKE's own signs literally. */
export function likePattern(glob: string): string {
  return glob.replace(/[\\%_]/g, String.raw`\$&`).replaceAll('*', '%')
}

/** The repositories that a caller may see. An empty list sees nothing. */
export function visibleRepositories(principal: Principal): VisibleRepositories {
  return principal.scope.repositories === null ? null : principal.scope.repositories.map(likePattern)
}

/** Whether a text matches a pattern in which `*` stands for any run of characters. */
export function matchesGlob(pattern: string, text: string): boolean {
  const parts = pattern.split('*')
  const [first = '', ...rest] = parts
  if (rest.length === 0) return pattern === text
  if (!text.startsWith(first)) return false
  const last = rest.pop() ?? ''
  let at = first.length
  for (const part of rest) {
    const found = text.indexOf(part, at)
    if (found < 0) return false
    at = found + part.length
  }
  return text.length - last.length >= at && text.endsWith(last)
}

/** Whether a caller may submit or see this repository. */
export function isVisible(principal: Principal, repository: string): boolean {
  return principal.scope.repositories === null || principal.scope.repositories.some((pattern) => matchesGlob(pattern, repository))
}

/** Whether somebody with `held` patterns may hand on `wanted`: each wanted pattern lies within a held one. */
export function isWithinScope(held: readonly string[] | null, wanted: readonly string[] | null): boolean {
  if (held === null) return true
  // A held pattern that matches the wanted pattern's text, stars included, matches all that the wanted one matches.
  return wanted !== null && wanted.every((pattern) => held.some((outer) => matchesGlob(outer, pattern)))
}
