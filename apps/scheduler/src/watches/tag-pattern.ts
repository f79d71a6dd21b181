/** Whether a tag fits one of the patterns; `*` stands for any run of characters. */
export function isWatchedTag(tag: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => fits(tag, pattern))
}

/**
 * The parts between stars are looked for one after another, each as early as it comes: no way is tried twice, where a
 * regular expression of many stars would try them all.
 */
function fits(tag: string, pattern: string): boolean {
  const parts = pattern.split('*')
  const first = parts[0] ?? ''
  const last = parts.at(-1) ?? ''
  if (parts.length === 1) return tag === pattern
  if (tag.length < first.length + last.length || !tag.startsWith(first) || !tag.endsWith(last)) return false
  const end = tag.length - last.length
  let at = first.length
  for (const part of parts.slice(1, -1)) {
    const found = tag.indexOf(part, at)
    if (found < 0 || found + part.length > end) return false
    at = found + part.length
  }
  return true
}
