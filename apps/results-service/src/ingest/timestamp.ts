/** RFC 3339 in UTC, or null for what is no moment: tools print years like 0001 or -62135596800. */
export function timestampOrNull(text: string | null): string | null {
  const date = new Date(text ?? Number.NaN)
  const year = date.getUTCFullYear()
  return Number.isNaN(date.getTime()) || year < 1 || year > 9999 ? null : date.toISOString()
}
