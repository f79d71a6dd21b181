import { Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common'
import { PharosError } from '@pharos/contracts'
import { type Clock, InjectClock, InjectConfiguration, PharosLogger } from '@pharos/service-kit'
import { BridgeError } from 'starlark-js-bridge'
import { ChunkLease } from '../chunks/chunk-lease.js'
import type { WorkerConfiguration } from '../configuration.js'
import { EnrichmentTools } from './enrichment-tools.js'
import { type ClaimedWork, type ResultsText, resultsText } from './enrichment.client.js'
import { SetTrialService } from './set-trial.service.js'
import { SubjectChunkService } from './subject-chunk.service.js'

/** While scripts run on one chunk, another is fetched or delivered; and a set is checked while the fleet is enriched. */
const chunksAtOnce = 2
/** Without work for so long the engines' memory is given back. */
const idleRestMs = 300_000

/** Takes part in enrichment: asks for chunks, runs the enrichers, and hands their contexts over. */
@Injectable()
export class EnrichmentWorkerService implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly end = new AbortController()
  private readonly loops: Promise<void>[] = []
  private busy = 0
  private workedAtMs = 0

  constructor(
    private readonly tools: EnrichmentTools,
    private readonly chunks: SubjectChunkService,
    private readonly trials: SetTrialService,
    private readonly logger: PharosLogger,
    @InjectClock() private readonly clock: Clock,
    @InjectConfiguration() private readonly configuration: WorkerConfiguration,
  ) {}

  onApplicationBootstrap(): void {
    for (let index = 0; index < chunksAtOnce; index += 1) this.loops.push(this.loop())
  }

  /** What has been enriched by then is delivered, the rest of a chunk is given back: it was not at fault. */
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
        if (!isUnheard && !signal.aborted) this.logger.warn('enrichment unheard', { error })
        isUnheard = true
      }
      if (this.busy === 0 && this.clock.nowMs() - this.workedAtMs >= idleRestMs) await this.tools.sandbox.rest()
      await this.tools.wake.wait(this.configuration.enrichers.pollMs, signal)
    }
  }

  /** Takes a chunk and works on it. Returns whether there was one. */
  private async workOnce(): Promise<boolean> {
    const { identity, client, wake } = this.tools
    const claimed = await client.claim({ workerId: identity.id, bridgeVersion: identity.version }, this.end.signal)
    if (claimed === null) return false
    wake.one()
    this.busy += 1
    const { work } = claimed
    const lease = new ChunkLease(() => client.renew(work), work.leaseMs, this.clock, this.end.signal)
    lease.start()
    try {
      await this.work(claimed, lease.signal)
    } finally {
      lease.stop()
      this.busy -= 1
      this.workedAtMs = this.clock.nowMs()
    }
    return true
  }

  private async work({ work, subjects }: ClaimedWork, signal: AbortSignal): Promise<void> {
    const { client, patience, metrics, sandbox } = this.tools
    const startedMs = this.clock.nowMs()
    const about = { chunk: work.chunkId, kind: work.kind }
    // Delivered also when the worker ends meanwhile: what is done need not be done again. A chunk that is another's is refused.
    const deliver = (results: ResultsText) =>
      signal.aborted ? client.deliver(work, results) : patience.until(signal, () => client.deliver(work, results, signal))
    try {
      if (work.kind === 'subjects') await this.chunks.run(work, subjects, deliver, signal)
      else if (work.kind === 'validate') await deliver(resultsText(await this.trials.validate(work)))
      else await deliver(resultsText(await this.trials.test(work, subjects, signal)))
      metrics.chunkEnded(work.kind, 'delivered', this.clock.nowMs() - startedMs)
      this.logger.debug('enrichment delivered', about)
    } catch (error) {
      const isOurs = !(error instanceof PharosError && error.code === 'attempt-superseded')
      metrics.chunkEnded(work.kind, isOurs ? 'failed' : 'lost', this.clock.nowMs() - startedMs)
      this.logger.info('enrichment chunk failed', { ...about, error })
      if (isOurs) await this.giveBack(work, error, signal.aborted)
      // What is wrong with this worker does not get better by the next chunk at once.
      if (!signal.aborted && isNotTheChunk(error))
        await this.clock.sleep(this.configuration.enrichers.pollMs, this.end.signal).catch(() => undefined)
    } finally {
      await subjects.return().catch(() => undefined)
      sandbox.count()
    }
  }

  private async giveBack(work: ClaimedWork['work'], error: unknown, isAborted: boolean): Promise<void> {
    try {
      await this.tools.client.fail(work, { reason: reasonOf(error), isCounted: !isAborted && !isNotTheChunk(error) })
    } catch (failure) {
      // Its lease ends by itself.
      this.logger.debug('enrichment chunk left', { chunk: work.chunkId, error: failure })
    }
  }
}

function reasonOf(error: unknown): string {
  const reason = error instanceof PharosError ? error.detail : error instanceof BridgeError ? error.message : 'The worker failed.'
  return reason.slice(0, 2000)
}

/** Problems of the way to results-service, an end that somebody asked for, and a worker whose engines are missing. */
function isNotTheChunk(error: unknown): boolean {
  if (error instanceof BridgeError) return true
  return error instanceof PharosError && (error.code === 'upstream-unavailable' || error.code === 'cancelled')
}
