/**
 * Makes text from images and registries harmless on a terminal: control characters, which could move the cursor,
 * rename the window or hide lines, are shown as escapes; so are marks that turn the direction of writing.
 */
export function terminalText(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
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
