import { randomUUID } from 'node:crypto'
import { Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common'
import { backgroundLongestWaitMs } from '@pharos/contracts'
import { InjectConfiguration, Metrics, PharosLogger } from '@pharos/service-kit'
import type { ResultsConfiguration } from '../configuration.js'
import { Database } from '../database/transaction.js'
import { RepeatingWork } from '../upkeep/repeating-work.js'
import { OutboxRepository } from './outbox.repository.js'
import { ScanQueues } from './scan-queues.js'

const relayBatch = 1000
const ageingIntervalMs = 15_000
const reconcileIntervalMs = 10_000
/** A job that is claimed at once is not worth a look. */
const reconcileAfterMs = 15_000

/**
 * Brings attempts from the outbox into the queues: after each commit that adds some, and by a sweep on every replica.
 * A row stays until its attempt is claimed, so whatever Redis loses is relayed again: all of it when the epoch key is gone,
 * single jobs when a look at old rows finds that their job is not there.
 */
@Injectable()
export class OutboxRelay implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private isWoken = false
  private isStopped = false
  private running: Promise<void> | null = null
  private readonly relayed

  constructor(
    private readonly database: Database,
    private readonly outbox: OutboxRepository,
    private readonly queues: ScanQueues,
    private readonly upkeep: RepeatingWork,
    private readonly logger: PharosLogger,
    @InjectConfiguration() private readonly configuration: ResultsConfiguration,
    metrics: Metrics,
  ) {
    this.relayed = metrics.counter({ name: 'pharos_outbox_relayed_total', help: 'Attempts brought into the queues.', labels: ['lane'] })
  }

  onApplicationBootstrap(): void {
    const { sweepIntervalMs } = this.configuration.upkeep
    this.upkeep.start({ name: 'outbox-relay', intervalMs: sweepIntervalMs, work: () => this.sweep() })
    this.upkeep.start({ name: 'outbox-ageing', intervalMs: ageingIntervalMs, work: () => this.raiseAged(backgroundLongestWaitMs) })
    this.upkeep.start({ name: 'outbox-reconcile', intervalMs: reconcileIntervalMs, work: () => this.reconcile(reconcileAfterMs) })
  }

  /** Relays soon; calls while a relay runs become one more round. */
  wake(): void {
    if (this.isStopped) return
    this.isWoken = true
    this.running ??= this.drain().finally(() => {
      this.running = null
      if (this.isWoken) this.wake()
    })
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.isStopped = true
    await this.running
  }

  /** One sweep: looks whether Redis has lost its data, then relays what waits. */
  async sweep(): Promise<void> {
    await this.checkEpoch()
    await this.relayAll()
  }

  /** Gives background work that has waited for so long a better place. */
  async raiseAged(longestWaitMs: number): Promise<void> {
    await this.database.inTransaction(async (tx) => {
      await this.queues.raise(await this.outbox.takeAged(tx, longestWaitMs, 500))
    })
  }

  /** Has single jobs relayed again that were relayed so long ago, are unclaimed, and are not in Redis. */
  async reconcile(ageMs: number): Promise<void> {
    const old = await this.outbox.relayedBefore(ageMs, relayBatch)
    if (old.length === 0) return
    const missing = await this.queues.missing(old)
    const missingIds = new Set(missing.map((row) => row.id))
    await this.outbox.confirmRelay(old.filter((row) => !missingIds.has(row.id)).map((row) => row.id))
    if (missing.length === 0) return
    this.logger.warn('outbox jobs missing', { count: missing.length })
    await this.outbox.forgetRelay([...missingIds])
    this.wake()
  }

  private async drain(): Promise<void> {
    this.isWoken = false
    try {
      await this.relayAll()
    } catch (error) {
      // The sweep comes again within a second; nothing is lost.
      this.logger.warn('outbox relay postponed', { error })
    }
  }

  private async relayAll(): Promise<void> {
    let count = relayBatch
    while (count === relayBatch) count = await this.relaySome()
  }

  private relaySome(): Promise<number> {
    return this.database.inTransaction(async (tx) => {
      const found = await this.outbox.takeUnrelayed(tx, relayBatch, backgroundLongestWaitMs)
      if (found.length === 0) return 0
      // The shared lock makes a change of the epoch wait: rows marked here are then among those that it resets.
      await this.outbox.epoch(tx, 'share')
      await this.queues.add(found)
      await this.outbox.markRelayed(tx, found)
      for (const { lane } of found) this.relayed.inc({ lane })
      return found.length
    })
  }

  private async checkEpoch(): Promise<void> {
    const held = await this.queues.epoch()
    const isKept = await this.database.inTransaction(async (tx) => (await this.outbox.epoch(tx, 'share')) === held)
    if (isKept) return
    const count = await this.database.inTransaction(async (tx) => {
      const wanted = await this.outbox.epoch(tx, 'update')
      if (wanted === (await this.queues.epoch())) return null
      const epoch = randomUUID()
      const forgotten = await this.outbox.forgetAllRelays(tx)
      await this.outbox.setEpoch(tx, epoch)
      // Before the commit: if that fails, Redis holds an epoch that nobody knows, and the next sweep does it all again.
      await this.queues.setEpoch(epoch)
      return forgotten
    })
    if (count !== null) this.logger.warn('redis epoch renewed', { relayedAgain: count })
  }
}
