import { Injectable } from '@nestjs/common'
import { type ChangePage, type ChangesQuery, PharosError, type Principal } from '@pharos/contracts'
import { type Clock, HealthRegistry, InjectClock, PharosLogger } from '@pharos/service-kit'
import type { FastifyReply } from 'fastify'
import { ChangeClient } from './change.client.js'

/** Where changes go, and which. */
export interface ChangeStreamRequest {
  cursor: string | undefined
  filter: string | undefined
  principal: Principal
  reply: FastifyReply
  signal: AbortSignal
}

/** An empty answer after this time keeps the stream open and its cursor fresh. */
const wait = '5s'
const retryMs = 1000

/**
 * Streams the feed of changes as server-sent events (WHATWG HTML, section 9.2). The id of an event is the cursor behind it and
 * all before it, so that a client that connects again with Last-Event-ID misses nothing; it may get a change a second time.
 */
@Injectable()
export class ChangeStreamService {
  constructor(
    private readonly changes: ChangeClient,
    private readonly health: HealthRegistry,
    private readonly logger: PharosLogger,
    @InjectClock() private readonly clock: Clock,
  ) {}

  /** Ends when the caller hangs up, this gateway drains, or with an event `problem` when the feed cannot be read on. */
  async stream({ cursor, filter, principal, reply, signal }: ChangeStreamRequest): Promise<void> {
    const query = { ...(filter === undefined ? {} : { filter }), ...(cursor === undefined ? {} : { cursor }) }
    // The first read happens before the head is sent: a cursor or filter that is refused is a problem document, not a stream.
    let page = await this.changes.read(query, principal, signal)
    reply.hijack()
    reply.raw.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
      'x-content-type-options': 'nosniff',
    })
    try {
      for (;;) {
        await send(reply, textOf(page), signal)
        if (signal.aborted || this.health.draining) return
        page = await this.next({ ...query, cursor: page.nextCursor, ...(page.hasMore ? {} : { wait }) }, page, principal, signal)
      }
    } catch (error) {
      if (signal.aborted) return
      this.logger.info('change-stream ended', { error })
      reply.raw.write(`event: problem\ndata: ${JSON.stringify(problemOf(error))}\n\n`)
    } finally {
      reply.raw.end()
    }
  }

  /** While results-service is away the stream stays where it is. */
  private async next(query: Partial<ChangesQuery>, former: ChangePage, principal: Principal, signal: AbortSignal): Promise<ChangePage> {
    try {
      return await this.changes.read(query, principal, signal)
    } catch (error) {
      if (signal.aborted || !(error instanceof PharosError) || !error.isRetryable) throw error
      await this.clock.sleep(retryMs, signal)
      return { ...former, items: [], hasMore: false }
    }
  }
}

/** The cursor stands with the last event of a page; alone it is no event, and still what a client sends as Last-Event-ID. */
function textOf({ items, nextCursor }: ChangePage): string {
  const events = items.map((item) => `event: ${item.subject}\ndata: ${JSON.stringify(item)}\n`)
  const last = events.pop()
  return [...events, `id: ${nextCursor}\n${last ?? ''}`].map((event) => `${event}\n`).join('')
}

/** Waits for a client that reads slowly, so that nothing piles up for it. */
async function send(reply: FastifyReply, text: string, signal: AbortSignal): Promise<void> {
  if (reply.raw.write(text) || signal.aborted) return
  await new Promise<void>((resolve) => {
    const done = (): void => {
      reply.raw.off('drain', done)
      signal.removeEventListener('abort', done)
      resolve()
    }
    reply.raw.once('drain', done)
    signal.addEventListener('abort', done, { once: true })
  })
}

function problemOf(error: unknown) {
  return (error instanceof PharosError ? error : new PharosError('internal-error', 'The stream broke off.')).toProblem()
}
