/** A moment in RFC 3339, UTC; null for none. Go writes its zero time (year 1) where there is none. */
export function timestampOrNull(text: string | null | undefined): string | null {
  if (!text || text.startsWith('0001-01-01')) return null
  const moment = new Date(text)
  return Number.isNaN(moment.getTime()) ? null : moment.toISOString()
}
