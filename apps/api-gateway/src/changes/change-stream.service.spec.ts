import { EventEmitter } from 'node:events'
import {
  type Change,
  type ChangePage,
  type ChangesQuery,
  exampleOf,
  Change as ChangeSchema,
  PharosError,
  type Principal,
} from '@pharos/contracts'
import { FakeClock, HealthRegistry, pollUntil, silentLogger } from '@pharos/service-kit'
import type { FastifyReply } from 'fastify'
import { describe, expect, it } from 'vitest'
import type { ChangeClient } from './change.client.js'
import { ChangeStreamService } from './change-stream.service.js'

const principal: Principal = { id: 'user:ana', name: 'ana', kind: 'user', roles: ['viewer'], scope: { repositories: null } }
const change: Change = ChangeSchema.parse(exampleOf(ChangeSchema))

/** A feed that answers what a test puts into it, one answer after the other, and then hangs up. */
function streamOf(answers: (ChangePage | PharosError)[], options: { isFull?: boolean } = {}) {
  const asked: Partial<ChangesQuery>[] = []
  const hangUp = new AbortController()
  const client: Pick<ChangeClient, 'read'> = {
    read: async (query) => {
      asked.push(query)
      const answer = answers.shift()
      if (answer === undefined) {
        hangUp.abort()
        throw new Error('the caller hung up')
      }
      if (answer instanceof PharosError) throw answer
      return answer
    },
  }
  const raw = Object.assign(new EventEmitter(), {
    text: '',
    head: 0,
    isEnded: false,
    writeHead: (status: number) => (raw.head = status),
    write: (text: string) => {
      raw.text += text
      return options.isFull !== true
    },
    end: () => (raw.isEnded = true),
  })
  const reply = { raw, hijack: () => undefined } as unknown as FastifyReply
  const clock = new FakeClock()
  const service = new ChangeStreamService(client as ChangeClient, new HealthRegistry(), silentLogger(), clock)
  const streamed = service.stream({ cursor: 'c0', filter: 'kev = true', principal, reply, signal: hangUp.signal })
  return { asked, raw, streamed, clock, hangUp }
}

describe('a stream of changes', () => {
  it('writes each change with its subject, and the cursor with the last one of a page', async () => {
    const { asked, raw, streamed } = streamOf([
      { items: [change, change], nextCursor: 'c1', hasMore: true },
      { items: [change], nextCursor: 'c2', hasMore: false },
      { items: [], nextCursor: 'c3', hasMore: false },
    ])
    await streamed
    const data = `data: ${JSON.stringify(change)}`
    expect(raw.text).toBe(`event: image\n${data}\n\nid: c1\nevent: image\n${data}\n\nid: c2\nevent: image\n${data}\n\nid: c3\n\n`)
    expect(asked).toEqual([
      { filter: 'kev = true', cursor: 'c0' },
      { filter: 'kev = true', cursor: 'c1' },
      { filter: 'kev = true', cursor: 'c2', wait: '5s' },
      { filter: 'kev = true', cursor: 'c3', wait: '5s' },
    ])
    expect(raw).toMatchObject({ head: 200, isEnded: true })
  })

  it('is a problem document when the first read is refused', async () => {
    const { raw, streamed } = streamOf([new PharosError('cursor-expired', 'Too old.')])
    await expect(streamed).rejects.toMatchObject({ code: 'cursor-expired' })
    expect(raw.head).toBe(0)
  })

  it('goes on from the same place after an outage', async () => {
    const { asked, streamed, clock } = streamOf([
      { items: [], nextCursor: 'c1', hasMore: false },
      new PharosError('upstream-unavailable', 'Away.'),
      { items: [change], nextCursor: 'c2', hasMore: false },
    ])
    await pollUntil(() => clock.sleeping === 1)
    await clock.advance(1000)
    await streamed
    expect(asked.map(({ cursor }) => cursor)).toEqual(['c0', 'c1', 'c1', 'c2'])
  })

  it('tells why it cannot go on', async () => {
    const { raw, streamed } = streamOf([{ items: [], nextCursor: 'c1', hasMore: false }, new PharosError('cursor-expired', 'Too old.')])
    await streamed
    expect(raw.text).toContain('event: problem\ndata: {"type":"https://pharos.dev/problems/cursor-expired"')
    expect(raw.isEnded).toBe(true)
  })

  it('waits for a client that reads slowly', async () => {
    const { asked, raw, streamed } = streamOf(
      [
        { items: [change], nextCursor: 'c1', hasMore: true },
        { items: [change], nextCursor: 'c2', hasMore: true },
      ],
      { isFull: true },
    )
    await pollUntil(() => raw.listenerCount('drain') === 1)
    expect(asked).toHaveLength(1)
    raw.emit('drain')
    await pollUntil(() => asked.length === 2 && raw.listenerCount('drain') === 1)
    raw.emit('drain')
    await streamed
    expect(asked).toHaveLength(3)
  })
})
