import { Injectable } from '@nestjs/common'
import { Metrics } from '@pharos/service-kit'
import type { BridgeStats } from 'starlark-js-bridge'
import type { EnrichmentWork } from './enrichment.client.js'

/** How a chunk ended: all of it delivered, given back or failed by this worker, or another's by now. */
export type ChunkEnd = 'delivered' | 'failed' | 'lost'

/** What a worker counts of enrichment. */
@Injectable()
export class EnrichmentMetrics {
  private readonly subjects
  private readonly chunks
  private readonly scripts
  private readonly scriptSeconds
  private readonly failures
  private readonly replaced
  private readonly queueSeconds
  private current: BridgeStats | undefined

  constructor(metrics: Metrics) {
    this.subjects = metrics.counter({
      name: 'pharos_enrichment_subjects_total',
      help: 'Images and workloads by what became of them; partial: an enricher failed; failed: none could be run.',
      labels: ['outcome'],
    })
    this.chunks = metrics.histogram({
      name: 'pharos_enrichment_chunk_duration_seconds',
      help: 'Time from the claim of a chunk to its end.',
      labels: ['kind', 'outcome'],
      buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300],
    })
    this.scripts = metrics.counter({
      name: 'pharos_enricher_scripts_total',
      help: 'Runs of scripts in the sandbox.',
      labels: ['engine', 'outcome'],
    })
    this.scriptSeconds = metrics.counter({
      name: 'pharos_enricher_script_seconds_total',
      help: 'Time that scripts ran.',
      labels: ['engine'],
    })
    this.failures = metrics.counter({
      name: 'pharos_enricher_script_failures_total',
      help: 'Scripts that failed, by what stopped them.',
      labels: ['kind'],
    })
    this.replaced = metrics.counter({
      name: 'pharos_enricher_sandbox_replaced_total',
      help: 'Threads of the sandbox that were replaced because a script went over a limit.',
    })
    this.queueSeconds = metrics.counter({
      name: 'pharos_enricher_sandbox_queue_seconds_total',
      help: 'Time that scripts waited for a thread of the sandbox.',
    })
    metrics.gauge({
      name: 'pharos_enricher_sandbox_threads',
      help: 'Threads that run scripts; none while there has been no work for some time.',
      labels: ['state'],
      collect: (gauge) => {
        for (const state of ['busy', 'idle'] as const) gauge.set({ state }, this.current?.workers[state] ?? 0)
      },
    })
  }

  subjectEnded(outcome: 'enriched' | 'partial' | 'failed'): void {
    this.subjects.inc({ outcome })
  }

  chunkEnded(kind: EnrichmentWork['kind'], outcome: ChunkEnd, durationMs: number): void {
    this.chunks.observe({ kind, outcome }, durationMs / 1000)
  }

  /** Adds what the sandbox has counted since it was last told of; undefined: it is not there any more, the next one counts anew. */
  sandboxCounted(stats: BridgeStats | undefined): void {
    const before = this.current
    this.current = stats
    if (stats === undefined) return
    for (const [engine, runs] of Object.entries(stats.runs)) {
      const former = before?.runs[engine as keyof BridgeStats['runs']]
      this.scripts.inc({ engine, outcome: 'succeeded' }, runs.succeeded - (former?.succeeded ?? 0))
      this.scripts.inc({ engine, outcome: 'failed' }, runs.failed - (former?.failed ?? 0))
      this.scriptSeconds.inc({ engine }, runs.seconds - (former?.seconds ?? 0))
    }
    for (const [kind, count] of Object.entries(stats.failures))
      this.failures.inc({ kind }, count - (before?.failures[kind as keyof BridgeStats['failures']] ?? 0))
    this.replaced.inc(stats.workers.replaced - (before?.workers.replaced ?? 0))
    this.queueSeconds.inc(stats.queueSeconds - (before?.queueSeconds ?? 0))
  }
}
