import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { payloadLines } from './payload-lines.js'

async function read(chunks: (string | Error)[], limitBytes = 1000): Promise<string[]> {
  const body = Readable.from(
    (function* () {
      for (const chunk of chunks) {
        if (chunk instanceof Error) throw chunk
        yield Buffer.from(chunk)
      }
    })(),
    { objectMode: false },
  )
  const lines: string[] = []
  for await (const line of payloadLines(body, limitBytes)) lines.push(line.toString())
  return lines
}

describe('lines of an answer', () => {
  it.each([
    ['in one piece', ['a\nbb\n'], ['a', 'bb']],
    ['cut anywhere', ['a', '\nb', 'b', '\n'], ['a', 'bb']],
    ['empty ones', ['\n\na\n'], ['', '', 'a']],
    ['none', [], []],
  ])('come whole: %s', async (_sentence, chunks, lines) => {
    expect(await read(chunks)).toEqual(lines)
  })

  it('end with an error when the answer ends in the middle of one', async () => {
    await expect(read(['a\nb'])).rejects.toMatchObject({ code: 'upstream-unavailable' })
  })

  it('end with an error when the connection breaks', async () => {
    await expect(read(['a\n', new Error('gone')])).rejects.toMatchObject({ code: 'upstream-unavailable' })
  })

  it('end with an error when one is too long', async () => {
    await expect(read(['a\n', 'b'.repeat(600), 'b'.repeat(600), '\n'])).rejects.toMatchObject({ code: 'internal-error' })
  })

  it('leave no rejection behind when the reader has enough', async () => {
    const body = Readable.from([Buffer.from('a\nb\n')], { objectMode: false })
    for await (const line of payloadLines(body, 10)) {
      expect(line.toString()).toBe('a')
      break
    }
    expect(body.destroyed).toBe(true)
  })
})
