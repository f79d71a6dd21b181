import { describe, expect, it } from 'vitest'
import { LineSplitter, ObjectSplitter, type SnapshotSplitter } from './snapshot-splitter.js'

/** Everything that a splitter finds in a text that comes in pieces of some length. */
function splitAll(splitter: SnapshotSplitter, text: string, pieceLength: number) {
  const workloads: string[] = []
  for (let from = 0; from < text.length; from += pieceLength) workloads.push(...splitter.push(text.slice(from, from + pieceLength)))
  const end = splitter.end()
  return { head: end.head, workloads: [...workloads, ...end.workloads].map((part) => JSON.parse(part) as unknown) }
}

const tricky = [
  { name: 'a "quoted" ] one', labels: { 'x,y': '\\', z: '}' } },
  { name: '', list: [[], [1, 2], { workloads: ['inner'] }] },
  'a bare ] string',
  7,
]

describe('a snapshot in pieces of any length', () => {
  it.each([1, 2, 3, 7, 64, 10_000])('of %i characters gives the same head and workloads', (pieceLength) => {
    const head = { sequence: 3, problem: 'workloads', nested: { workloads: [1] } }
    for (const text of [
      JSON.stringify({ ...head, workloads: tricky }),
      JSON.stringify({ workloads: tricky, ...head }, null, 2),
      ` ${JSON.stringify({ sequence: 3, workloads: tricky, problem: 'workloads', nested: { workloads: [1] } })}\n`,
    ]) {
      const found = splitAll(new ObjectSplitter(), text, pieceLength)
      expect(found.workloads).toEqual(tricky)
      expect(JSON.parse(found.head)).toEqual({ ...head, workloads: [] })
    }
    const lines = splitAll(new LineSplitter(), `${[head, ...tricky].map((line) => JSON.stringify(line)).join('\r\n\n')}`, pieceLength)
    expect(lines.workloads).toEqual(tricky)
    expect(JSON.parse(lines.head)).toEqual(head)
  })

  it('may have no workloads', () => {
    expect(splitAll(new ObjectSplitter(), '{"workloads": [ ], "sequence": 1}', 5)).toEqual({
      head: '{"workloads": [], "sequence": 1}',
      workloads: [],
    })
    expect(splitAll(new LineSplitter(), '{}\n', 5)).toEqual({ head: '{}', workloads: [] })
  })

  it.each(['{"workloads": [1,]}', '{"workloads": [,1]}', '{"workloads": [1,,2]}'])('has no empty place: %s', (text) => {
    expect(() => splitAll(new ObjectSplitter(), text, 4)).toThrow(expect.objectContaining({ code: 'json-invalid' }))
  })

  it('is refused when one part of it is huge, before that part is complete', () => {
    const huge = 'x'.repeat(70_000)
    for (const [splitter, text] of [
      [new ObjectSplitter(), `{"workloads": ["${huge}`],
      [new ObjectSplitter(), `{"problem": "${huge}`],
      [new LineSplitter(), `{}\n"${huge}`],
    ] as const) {
      expect(() => splitAll(splitter, text, 1000)).toThrow(expect.objectContaining({ code: 'request-too-large' }))
    }
  })

  it('that ends within its workloads has no head', () => {
    expect(splitAll(new ObjectSplitter(), '{"sequence": 1, "workloads": [{}', 100).head).toBe('')
  })
})
