import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { originalText, storedText } from './stored-text.js'

describe('stored text', () => {
  it.each(['a\0b', '\uE000', '\uE0000', '\uD800', 'x\uDC00\0', '😀', ''])('keeps %j apart from everything else', (text) => {
    expect(originalText(storedText(text))).toBe(text)
  })

  it('is reversible, without NUL and well formed for any text', () => {
    const anyText = fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)) })
    fc.assert(
      fc.property(anyText, (text) => {
        const stored = storedText(text)
        expect(originalText(stored)).toBe(text)
        expect(stored).not.toContain('\0')
        expect(Buffer.from(stored, 'utf8').toString('utf8')).toBe(stored)
      }),
    )
  })
})
