/**
 * PostgreSQL's text refuses NUL, and UTF-8 has no lone surrogates; images hold names with both. They are escaped with
 * U+E000 (private use): `\u0000` is stored as U+E000 `0`, a lone surrogate as U+E000 `s` and its four hex digits, U+E000
 * itself as U+E000 `e`. Reversible.
 *
 * Columns of type json need none of this: JSON escapes these characters itself. They are
 * read whole: PostgreSQL's operators on json would unescape them, and fail.
 */
const escapeCharacter = '\uE000'
const needsEscape = /[\0\uE000]|[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/
const toEscape = new RegExp(needsEscape.source, 'g')
const escaped = /\uE000(?:(0)|(e)|s([0-9a-f]{4}))/g

/** The text as it can be stored. */
export function storedText(text: string): string {
  if (!needsEscape.test(text)) return text
  return text.replace(toEscape, (character) => {
    if (character === '\0') return `${escapeCharacter}0`
    if (character === escapeCharacter) return `${escapeCharacter}e`
    return `${escapeCharacter}s${character.charCodeAt(0).toString(16)}`
  })
}

/** The text as it was before `storedText`. */
export function originalText(stored: string): string {
  if (!stored.includes(escapeCharacter)) return stored
  return stored.replace(escaped, (_whole, nul: string | undefined, self: string | undefined, surrogate: string | undefined) => {
    if (nul !== undefined) return '\0'
    if (self !== undefined) return escapeCharacter
    return String.fromCharCode(Number.parseInt(surrogate ?? '0', 16))
  })
}
