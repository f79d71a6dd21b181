import { BridgeBusyError, BridgeClosedError } from './bridge-error.js'
import { WorkerSlot, type JobEvents, type SlotOptions } from './worker-slot.js'
import type { WorkerJob } from './worker-protocol.js'

interface Waiting {
  job: WorkerJob
  events: JobEvents
  refuse: (error: unknown) => void
  sinceMs: number
  slot?: WorkerSlot
}

/** A job that was handed in, and can be taken back. */
export interface PoolTicket {
  cancel(): void
}

/** Workers with one job each, and a queue before them. First come, first served. */
export class WorkerPool {
  private readonly slots: WorkerSlot[]
  private readonly queue: Waiting[] = []
  private readonly running = new Set<Waiting>()
  private broken: Error | undefined
  private settleReady: { resolve: () => void; reject: (error: Error) => void } | undefined
  /** Fulfilled by the first worker that is ready. */
  readonly ready: Promise<void>
  waitedMs = 0

  constructor(
    size: number,
    options: SlotOptions,
    private readonly queueLimit: number,
  ) {
    this.ready = new Promise((resolve, reject) => (this.settleReady = { resolve, reject }))
    this.slots = Array.from({ length: size }, () => {
      const slot = new WorkerSlot(options)
      slot.onIdle = () => {
        this.settleReady?.resolve()
        this.next()
      }
      slot.onBroken = (error) => this.fail(error)
      return slot
    })
  }

  get counts(): { total: number; busy: number; idle: number; replaced: number; waiting: number } {
    return {
      total: this.slots.length,
      busy: this.slots.filter((slot) => slot.isBusy).length,
      idle: this.slots.filter((slot) => slot.isIdle).length,
      replaced: this.slots.reduce((sum, slot) => sum + slot.replaced, 0),
      waiting: this.queue.length,
    }
  }

  /**
   * @param refuse takes what ends the job without an answer: the bridge was closed, or no worker starts.
   * @throws BridgeBusyError when too many wait already, BridgeClosedError.
   */
  submit(job: WorkerJob, events: JobEvents, refuse: (error: unknown) => void): PoolTicket {
    if (this.broken !== undefined) throw this.broken
    if (this.queue.length >= this.queueLimit) throw new BridgeBusyError(`${this.queue.length} scripts wait already`)
    const waiting: Waiting = { job, events, refuse, sinceMs: performance.now() }
    this.queue.push(waiting)
    this.next()
    return {
      cancel: () => {
        const at = this.queue.indexOf(waiting)
        if (at !== -1) this.queue.splice(at, 1)
        else if (this.running.delete(waiting)) waiting.slot?.kill()
      },
    }
  }

  async close(): Promise<void> {
    this.fail(new BridgeClosedError('the bridge was closed'))
    await Promise.all(this.slots.map((slot) => slot.close()))
  }

  private next(): void {
    for (const slot of this.slots) {
      if (!slot.isIdle) continue
      const waiting = this.queue.shift()
      if (waiting === undefined) return
      this.waitedMs += performance.now() - waiting.sinceMs
      waiting.slot = slot
      this.running.add(waiting)
      const { events } = waiting
      slot.run(waiting.job, {
        print: (chain, line) => events.print(chain, line),
        finish: (chain, result, output, ms) => events.finish(chain, result, output, ms),
        died: (death) => {
          this.running.delete(waiting)
          events.died(death)
        },
        done: () => {
          this.running.delete(waiting)
          events.done()
        },
      })
    }
  }

  /** From here on nothing runs: what waits and what runs is told. */
  private fail(error: Error): void {
    if (this.broken !== undefined) return
    this.broken = error
    this.settleReady?.reject(error)
    for (const waiting of [...this.running, ...this.queue.splice(0)]) waiting.refuse(error)
    this.running.clear()
  }
}
