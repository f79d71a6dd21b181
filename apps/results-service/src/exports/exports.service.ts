import { Readable } from 'node:stream'
import { Injectable } from '@nestjs/common'
import { type ExportLine, type ExportQuery, type ExportResource, filterOf, PharosError, type Principal } from '@pharos/contracts'
import { type Clock, InjectClock, InjectConfiguration, PharosLogger } from '@pharos/service-kit'
import { visibleRepositories } from '../access/repository-scope.js'
import { changeCursor } from '../changes/change-cursor.js'
import type { ResultsConfiguration } from '../configuration.js'
import type { Snapshot } from '../database/transaction.js'
import { ExportsRepository, type ReadBatch } from './exports.repository.js'

const batchRows = 2000

/**
 * Exports are read in batches under one snapshot. A snapshot keeps old rows and a connection, so it has an end: an export that
 * takes too long, or whose client takes nothing for a while, is broken off. It then has no `end` line.
 */
@Injectable()
export class ExportsService {
  private running = 0

  constructor(
    private readonly exports: ExportsRepository,
    private readonly logger: PharosLogger,
    @InjectConfiguration() private readonly configuration: Pick<ResultsConfiguration, 'exports'>,
    @InjectClock() private readonly clock: Clock,
  ) {}

  /** Lines of JSON. Throws `filter-invalid`, and `busy` while too many others are served. */
  async open(resource: ExportResource, query: ExportQuery, principal: Principal): Promise<Readable> {
    const read = await this.exports.batches(resource, filterOf(query.filter, resource), visibleRepositories(principal))
    const { atOnce } = this.configuration.exports
    if (this.running >= atOnce)
      throw new PharosError('busy', `${atOnce} exports are being served; come back later.`, { retryAfterMs: 30_000 })
    this.running += 1
    const held = new HeldSnapshot(this.configuration.exports, () => {
      this.running -= 1
    })
    try {
      const snapshot = await this.exports.openSnapshot()
      held.hold(snapshot)
      const { xid } = await this.exports.momentOf(snapshot)
      const at = this.clock.now()
      const start: ExportLine = {
        type: 'start',
        resource,
        at: at.toISOString(),
        filter: query.filter ?? null,
        cursor: changeCursor({ xid, source: 0, id: '0', at }),
      }
      const stream = Readable.from(this.lines(start, read, snapshot, held), { objectMode: false })
      // A stream that is given up before its first line was taken has not begun, and ends nothing by itself.
      return stream.once('close', () => void held.release().catch(() => undefined))
    } catch (error) {
      await held.release()
      throw error
    }
  }

  private async *lines(start: ExportLine, read: ReadBatch, snapshot: Snapshot, held: HeldSnapshot): AsyncGenerator<string> {
    let count = 0
    let after: string | null = null
    try {
      yield textOf([start])
      do {
        held.noteTaken()
        const { lines, lastKey } = await read(snapshot.reader, after, batchRows)
        count += lines.length
        after = lines.length < batchRows ? null : lastKey
        held.expectClient()
        if (lines.length > 0) yield textOf(lines)
      } while (after !== null)
      held.noteTaken()
      yield textOf([{ type: 'end', count }])
    } catch (error) {
      // The status is sent: a line is all that is left to say it with.
      const told = error instanceof PharosError ? error : new PharosError('internal-error', 'The export broke off.', { cause: error })
      this.logger.warn('export broken off', { count, error })
      yield textOf([{ type: 'error', code: told.code, detail: told.detail }])
    } finally {
      await held.release()
    }
  }
}

function textOf(lines: readonly ExportLine[]): string {
  return lines.map((line) => `${JSON.stringify(line)}\n`).join('')
}

/** Closes a snapshot in time, also while nobody asks for the next batch. */
class HeldSnapshot {
  private snapshot: Snapshot | null = null
  private isReleased = false
  private problem: PharosError | null = null
  private stall: NodeJS.Timeout | undefined
  private readonly longest: NodeJS.Timeout

  constructor(
    private readonly limits: ResultsConfiguration['exports'],
    private readonly onRelease: () => void,
  ) {
    this.longest = setTimeout(
      () => this.breakOff('The export took too long. Narrow it with a filter, or read it faster.'),
      limits.maxDurationMs,
    )
  }

  hold(snapshot: Snapshot): void {
    this.snapshot = snapshot
    this.expectClient()
  }

  /** The client has something to take. */
  expectClient(): void {
    if (this.isReleased) return
    clearTimeout(this.stall)
    this.stall = setTimeout(() => this.breakOff('Nothing was taken of the export for too long.'), this.limits.stallMs)
  }

  /** The client has taken it. Throws why the export was broken off, if it was. */
  noteTaken(): void {
    clearTimeout(this.stall)
    if (this.problem !== null) throw this.problem
  }

  async release(): Promise<void> {
    if (this.isReleased) return
    this.isReleased = true
    clearTimeout(this.stall)
    clearTimeout(this.longest)
    this.onRelease()
    await this.snapshot?.close()
  }

  private breakOff(detail: string): void {
    this.problem = new PharosError('busy', detail)
    // A snapshot that cannot be closed is closed by its server.
    this.release().catch(() => undefined)
  }
}
