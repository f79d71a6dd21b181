import { Injectable } from '@nestjs/common'
import { type ChangePage, type ChangesQuery, durationMs, filterOf, PharosError } from '@pharos/contracts'
import { type Clock, InjectClock, InjectConfiguration } from '@pharos/service-kit'
import type { VisibleRepositories } from '../access/repository-scope.js'
import type { ResultsConfiguration } from '../configuration.js'
import { changeCursor, type ChangePosition, changePosition } from './change-cursor.js'
import { ChangeNews } from './change-news.js'
import { changeOf } from './change-view.js'
import { ChangesRepository, type ReadChanges } from './changes.repository.js'

const longestWaitMs = 30_000
const hourMs = 3_600_000

/** The feed of changes of findings and images. */
@Injectable()
export class ChangesService {
  constructor(
    private readonly changes: ChangesRepository,
    private readonly news: ChangeNews,
    @InjectConfiguration() private readonly configuration: Pick<ResultsConfiguration, 'upkeep' | 'history'>,
    @InjectClock() private readonly clock: Clock,
  ) {}

  /**
   * Changes behind a cursor, or the cursor of now. With `wait` the answer is held until there is a change, the time is over or
   * the signal is aborted. Throws `cursor-expired` for a cursor behind which changes may have been removed already.
   */
  async read(query: ChangesQuery, scope: VisibleRepositories, signal: AbortSignal): Promise<ChangePage> {
    const waitMs = query.wait === undefined ? 0 : durationMs(query.wait)
    if (waitMs > longestWaitMs)
      throw new PharosError('request-invalid', 'wait may be 30s at most.', { errors: [{ pointer: '#/query/wait', detail: 'At most 30s' }] })
    const read = await this.changes.reading(filterOf(query.filter, 'findings'), scope)
    const given = query.cursor === undefined ? null : changePosition(query.cursor)
    const { horizon, isKnown } = await this.changes.now(given?.xid ?? '0')
    if (given !== null) this.requireKept(given, isKnown)
    const start: ChangePosition = given ?? { xid: horizon, source: 0, id: '0', at: this.clock.now() }
    return this.follow(read, start, query.limit, new Deadline(this.clock, waitMs, signal))
  }

  private async follow(read: ReadChanges, start: ChangePosition, limit: number, deadline: Deadline): Promise<ChangePage> {
    for (let position = start; ; ) {
      const head = await this.news.head()
      const page = await this.page(read, position, limit)
      position = page.position
      const isOver = page.answer.items.length > 0 || deadline.isOver
      if (isOver) return page.answer
      if (!page.answer.hasMore) await this.news.since(head, deadline.signal)
    }
  }

  private async page(
    read: ReadChanges,
    position: ChangePosition,
    limit: number,
  ): Promise<{ answer: ChangePage; position: ChangePosition }> {
    const readAt = this.clock.now()
    const { rows, horizon } = await read(position, limit)
    const last = rows.length === limit ? rows.at(-1) : undefined
    // Read to the end: whatever comes is written by a transaction that was running then, or is yet to begin.
    const next: ChangePosition =
      last === undefined
        ? later(position, { xid: horizon, source: 0, id: '0', at: readAt })
        : { xid: last.xid, source: last.source, id: last.id, at: last.at }
    const items = rows.filter((row) => row.is_shown).map(changeOf)
    return { answer: { items, nextCursor: changeCursor(next), hasMore: last !== undefined }, position: next }
  }

  private requireKept({ at }: ChangePosition, isKnown: boolean): void {
    const { eventRetentionMs } = this.configuration.upkeep
    const keptMs = Math.min(eventRetentionMs, this.configuration.history.horizonMs)
    // Rows are dated when their transaction works, and a cursor when it was read: an hour is more than these can differ.
    const ageMs = this.clock.nowMs() - at.getTime() + Math.min(hourMs, keptMs / 10)
    if (isKnown && ageMs < keptMs) return
    throw new PharosError(
      'cursor-expired',
      isKnown
        ? 'Changes behind this cursor may have been removed. Export what you need at /export, and go on with the cursor in its first line.'
        : 'The cursor is of another database, or of one that was restored. Export what you need at /export, and go on with the cursor in its first line.',
    )
  }
}

/** A reader that was answered by a snapshot in which an older transaction still ran must not go back. */
function later(one: ChangePosition, other: ChangePosition): ChangePosition {
  return BigInt(one.xid) > BigInt(other.xid) ? { ...one, at: other.at } : other
}

/** The end of a wait: its time, or whatever aborts the signal. */
class Deadline {
  readonly signal: AbortSignal
  private readonly endMs: number

  constructor(
    private readonly clock: Clock,
    waitMs: number,
    signal: AbortSignal,
  ) {
    this.endMs = clock.nowMs() + waitMs
    const time = new AbortController()
    if (waitMs > 0)
      void clock
        .sleep(waitMs, signal)
        .then(() => time.abort())
        .catch(() => undefined)
    else time.abort()
    this.signal = AbortSignal.any([signal, time.signal])
  }

  get isOver(): boolean {
    return this.signal.aborted || this.clock.nowMs() >= this.endMs
  }
}
