import { Injectable } from '@nestjs/common'
import type { EnricherRunner } from '@pharos/enrichers'
import { type Clock, InjectClock, InjectConfiguration } from '@pharos/service-kit'
import { BridgeError } from 'starlark-js-bridge'
import type { WorkerConfiguration } from '../configuration.js'
import { EnricherSandbox } from './enricher-sandbox.js'
import { EnricherSets, type KeptSet } from './enricher-sets.js'
import type { ClaimedSubject, EnrichmentWork, ResultsText } from './enrichment.client.js'
import { EnrichmentMetrics } from './enrichment-metrics.js'
import { runSet } from './set-run.js'
import { SubjectDelivery, type SubjectResult } from './subject-delivery.js'

export type SubjectsWork = Extract<EnrichmentWork, { kind: 'subjects' }>

const reasonLimit = 2000

/** Enriches the subjects of a chunk: as many at once as there are threads, each delivered soon after it ended. */
@Injectable()
export class SubjectChunkService {
  constructor(
    private readonly sandbox: EnricherSandbox,
    private readonly sets: EnricherSets,
    private readonly metrics: EnrichmentMetrics,
    @InjectClock() private readonly clock: Clock,
    @InjectConfiguration() private readonly configuration: WorkerConfiguration,
  ) {}

  /** What has ended by then is delivered even when the signal is aborted or the rest fails, unless delivery itself is refused. */
  async run(
    { set }: SubjectsWork,
    subjects: AsyncGenerator<ClaimedSubject, void, undefined>,
    deliver: (results: ResultsText) => Promise<unknown>,
    signal: AbortSignal,
  ): Promise<void> {
    const [kept, runner] = await Promise.all([this.sets.get(set), this.sandbox.runner()])
    const delivery = new SubjectDelivery(deliver, this.clock)
    const broken = new AbortController()
    const either = AbortSignal.any([signal, broken.signal])
    // Each takes the next subject when it is free: a slow one holds up nobody but itself.
    const takers = Array.from({ length: this.configuration.enrichers.workers }, async () => {
      try {
        for await (const subject of untilAborted(subjects, either)) await delivery.add(await this.enrich(runner, kept, subject, either))
      } catch (error) {
        broken.abort(error)
        throw error
      }
    })
    const ended = await Promise.allSettled(takers)
    await delivery.flush()
    const failure = ended.find(({ status }) => status === 'rejected')
    if (failure?.status === 'rejected') throw failure.reason
    signal.throwIfAborted()
  }

  private async enrich(
    runner: EnricherRunner,
    kept: KeptSet,
    { subject, payload }: ClaimedSubject,
    signal: AbortSignal,
  ): Promise<SubjectResult> {
    try {
      const outcomes = await runSet(runner, kept, payload, signal)
      this.metrics.subjectEnded(outcomes.every(({ ok }) => ok) ? 'enriched' : 'partial')
      return { subject, outcomes }
    } catch (error) {
      // The sandbox, not this subject.
      if (signal.aborted || error instanceof BridgeError) throw error
      this.metrics.subjectEnded('failed')
      return { subject, outcomes: null, reason: String(error instanceof Error ? error.message : error).slice(0, reasonLimit) }
    }
  }
}

/** The same generator for several takers: none of them ends it for the others. */
async function* untilAborted<T>(shared: AsyncGenerator<T, void, undefined>, signal: AbortSignal): AsyncGenerator<T, void, undefined> {
  while (!signal.aborted) {
    const next = await shared.next()
    if (next.done === true) return
    yield next.value
  }
}
