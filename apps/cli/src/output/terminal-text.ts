/** Code points that a terminal acts on, and marks that turn the direction of writing: [first, last]. */
const harmfulRanges = [
  [0x00, 0x1f],
  [0x7f, 0x9f],
  [0x200e, 0x200f],
  [0x202a, 0x202e],
  [0x2066, 0x2069],
] as const

function isHarmful(codePoint: number): boolean {
  return harmfulRanges.some(([first, last]) => codePoint >= first && codePoint <= last)
}

/**
 * Makes text from images and registries harmless on a terminal: what could move the cursor, rename the window, hide
 * lines or reverse them is shown as an escape.
 */
export function terminalText(text: string): string {
  const shown = Array.from(text, (character) => {
    const codePoint = character.codePointAt(0) ?? 0
    return isHarmful(codePoint) ? `\\u${codePoint.toString(16).padStart(4, '0')}` : character
  })
  return shown.join('')
}

/** Shortens to a width, with an ellipsis where something was cut. */
export function shorten(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`
}

/** A digest as people write it: the first twelve hex digits. */
export function shortDigest(digest: string): string {
  return digest.replace(/^sha\d+:/, '').slice(0, 12)
}

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']

/** Bytes with a unit, e.g. 3.2 MiB. */
export function byteText(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`
}

/** Time passed since a moment, in its largest unit, e.g. 3h. */
export function ageText(moment: string | null, nowMs: number): string {
  if (moment === null) return 'never'
  const seconds = Math.max(0, Math.round((nowMs - Date.parse(moment)) / 1000))
  if (seconds < 120) return `${seconds}s`
  if (seconds < 7200) return `${Math.round(seconds / 60)}m`
  if (seconds < 172_800) return `${Math.round(seconds / 3600)}h`
  return `${Math.round(seconds / 86_400)}d`
}
