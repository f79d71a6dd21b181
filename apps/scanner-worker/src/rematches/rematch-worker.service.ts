import { Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common'
import { type ClaimedRematchChunk, type GenerationRef, PharosError, type RematchChunkResults } from '@pharos/contracts'
import { type Clock, InjectClock, InjectConfiguration, PharosLogger } from '@pharos/service-kit'
import { ChunkLease } from '../chunks/chunk-lease.js'
import type { WorkerConfiguration } from '../configuration.js'
import { GenerationStore, type HeldGeneration } from '../databases/generation-store.js'
import { Patience } from '../scans/patience.js'
import { WorkerIdentity } from '../workers/worker-identity.js'
import { type DifferenceChunk, type PackagesChunk, packageResultsOf, scoreResultsOf, type ScoresChunk } from './chunk-results.js'
import { RematchClient } from './rematch.client.js'
import { RematchEngine } from './rematch-engine.js'

type Claimed = Exclude<ClaimedRematchChunk, { outcome: 'none' }>

/** While the engine matches one chunk, another is fetched, mapped and handed over. */
const chunksAtOnce = 2

/** While a database is being judged, work may come any moment: for so long, at most, a worker looks so often. */
const expectation = { intervalMs: 200, longestMs: 60_000 }

/** What a worker needs to take part in re-matches. */
@Injectable()
export class RematchWorkerTools {
  constructor(
    readonly client: RematchClient,
    readonly engine: RematchEngine,
    readonly generations: GenerationStore,
    readonly patience: Patience,
    readonly identity: WorkerIdentity,
  ) {}
}

/** Takes part in re-matches: asks for chunks, matches them, and hands the differences over. */
@Injectable()
export class RematchWorkerService implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly end = new AbortController()
  private readonly loops: Promise<void>[] = []
  private busy = 0
  /** The generation that is ready for work to come. */
  private preparedId: string | undefined
  private expectedUntilMs = 0

  constructor(
    private readonly tools: RematchWorkerTools,
    private readonly logger: PharosLogger,
    @InjectClock() private readonly clock: Clock,
    @InjectConfiguration() private readonly configuration: WorkerConfiguration,
  ) {}

  onApplicationBootstrap(): void {
    for (let index = 0; index < chunksAtOnce; index += 1) this.loops.push(this.loop())
  }

  /** A chunk under way is given back: it was not at fault. */
  async beforeApplicationShutdown(): Promise<void> {
    this.end.abort()
    await Promise.all(this.loops)
  }

  private async loop(): Promise<void> {
    const { signal } = this.end
    let isUnheard = false
    while (!signal.aborted) {
      try {
        const hadWork = await this.workOnce()
        isUnheard = false
        if (hadWork) continue
      } catch (error) {
        if (!isUnheard && !signal.aborted) this.logger.warn('rematch unheard', { error })
        isUnheard = true
      }
      if (this.busy === 0 && this.preparedId === undefined) await this.tools.engine.rest()
      await this.clock.sleep(this.pauseMs, signal).catch(() => undefined)
    }
  }

  private get pauseMs(): number {
    const { pollMs } = this.configuration.rematches
    return this.clock.nowMs() < this.expectedUntilMs ? Math.min(pollMs, expectation.intervalMs) : pollMs
  }

  /** Takes a chunk and works on it. Returns whether there was one. */
  private async workOnce(): Promise<boolean> {
    const engineVersion = this.tools.engine.version
    if (engineVersion === null) return false
    const request = { workerId: this.tools.identity.id, engineVersion, comparesDatabases: true }
    const claimed = await this.tools.client.claim(request, this.end.signal)
    if (claimed.outcome === 'none') {
      await this.prepare(claimed.prepare)
      return false
    }
    this.expect(undefined)
    this.busy += 1
    const lease = new ChunkLease(() => this.tools.client.renew(claimed), claimed.leaseMs, this.clock, this.end.signal)
    lease.start()
    try {
      await this.work(claimed, lease.signal)
    } finally {
      lease.stop()
      this.busy -= 1
    }
    return true
  }

  /** Has a database at hand that is being judged: the fleet waits less once it is accepted. Nobody waits for this, so failing is no news. */
  private async prepare(generation: GenerationRef | undefined): Promise<void> {
    if (generation?.id === this.preparedId) return
    this.expect(generation?.id)
    if (generation === undefined) return
    this.busy += 1
    try {
      await this.withDatabase({ generation }, async (directory) => {
        const matcher = await this.tools.engine.matcher()
        await matcher.prepare(directory, { limits: this.limits, signal: this.end.signal })
      })
      this.logger.debug('rematch prepared', { generation: generation.id })
    } catch (error) {
      this.logger.debug('rematch unprepared', { generation: generation.id, error })
    } finally {
      this.busy -= 1
    }
  }

  private expect(generationId: string | undefined): void {
    this.preparedId = generationId
    this.expectedUntilMs = generationId === undefined ? 0 : this.clock.nowMs() + expectation.longestMs
  }

  private async work(claimed: Claimed, signal: AbortSignal): Promise<void> {
    const about = { rematch: claimed.rematchId, chunk: claimed.chunk, kind: claimed.kind }
    try {
      const beganMs = this.clock.nowMs()
      const results = await this.resultsOf(claimed, signal)
      const workedMs = this.clock.nowMs() - beganMs
      const { outcome } = await this.tools.patience.until(signal, () => this.tools.client.deliver(claimed, results, signal))
      this.logger.debug('rematch delivered', { ...about, outcome, workedMs, deliveredMs: this.clock.nowMs() - beganMs - workedMs })
    } catch (error) {
      const isOurs = !(error instanceof PharosError && error.code === 'attempt-superseded')
      this.logger.info('rematch chunk failed', { ...about, error })
      if (isOurs) await this.giveBack(claimed, error, signal.aborted)
      // Whatever is wrong here, the database or the machine, does not get better by the next chunk at once.
      if (!signal.aborted) await this.clock.sleep(this.configuration.rematches.pollMs, this.end.signal).catch(() => undefined)
    }
  }

  private resultsOf(claimed: Claimed, signal: AbortSignal): Promise<RematchChunkResults> {
    switch (claimed.kind) {
      case 'difference':
        return this.compare(claimed, signal)
      case 'packages':
        return this.match(claimed, signal)
      case 'scores':
        return this.describe(claimed, signal)
    }
  }

  private async compare(chunk: DifferenceChunk, signal: AbortSignal): Promise<RematchChunkResults> {
    return this.withDatabase(chunk, async (directory) => {
      const former = await this.tools.generations.hold(chunk.formerGeneration)
      try {
        const matcher = await this.tools.engine.matcher()
        const found = await matcher.difference(former.directory, directory, { limits: this.limits, signal })
        return { kind: 'difference', engineVersion: matcher.engineVersion, ...found }
      } finally {
        former.release()
      }
    })
  }

  private async match(chunk: PackagesChunk, signal: AbortSignal): Promise<RematchChunkResults> {
    return this.withDatabase(chunk, async (directory) => {
      const former = chunk.formerGeneration === null ? null : await this.holdFormer(chunk.formerGeneration)
      try {
        const matcher = await this.tools.engine.matcher()
        const found = await matcher.matchUnits(chunk.units, directory, {
          formerDatabaseDirectory: former?.directory,
          withKeys: chunk.withKeys,
          limits: this.limits,
          signal,
        })
        return packageResultsOf(chunk, found)
      } finally {
        former?.release()
      }
    })
  }

  private async describe(chunk: ScoresChunk, signal: AbortSignal): Promise<RematchChunkResults> {
    return this.withDatabase(chunk, async (directory) => {
      const matcher = await this.tools.engine.matcher()
      const described = await matcher.describe(chunk.vulnerabilities, directory, { limits: this.limits, signal })
      return scoreResultsOf(chunk, described, matcher.engineVersion)
    })
  }

  private async withDatabase<T>({ generation }: Pick<Claimed, 'generation'>, work: (directory: string) => Promise<T>): Promise<T> {
    const held = await this.tools.generations.hold(generation)
    try {
      return await work(held.directory)
    } finally {
      held.release()
    }
  }

  /** Without the former database every package is matched: slower, and as right. */
  private async holdFormer(generation: NonNullable<PackagesChunk['formerGeneration']>): Promise<HeldGeneration | null> {
    try {
      return await this.tools.generations.hold(generation)
    } catch (error) {
      this.logger.info('former database missing', { generation: generation.id, error })
      return null
    }
  }

  private async giveBack(claimed: Claimed, error: unknown, isAborted: boolean): Promise<void> {
    const isCounted = !isAborted && !(error instanceof PharosError && notTheChunk.has(error.code))
    const reason = error instanceof PharosError ? `${error.code}: ${error.detail}` : 'The worker failed.'
    try {
      await this.tools.client.fail(claimed, { reason: reason.slice(0, 2000), isCounted })
    } catch (failure) {
      // Its lease ends by itself.
      this.logger.debug('rematch chunk left', { chunk: claimed.chunk, error: failure })
    }
  }

  private get limits() {
    const { engines, timeouts } = this.configuration
    return { timeoutMs: timeouts.matchMs, memoryLimitBytes: engines.memoryLimitBytes, outputLimitBytes: engines.outputLimitBytes }
  }
}

/** Problems of the way to results-service, and an end that somebody asked for. */
const notTheChunk: ReadonlySet<string> = new Set(['upstream-unavailable', 'cancelled'])
