import { Injectable } from '@nestjs/common'
import type { ScanPhase } from '@pharos/contracts'
import { Metrics } from '@pharos/service-kit'
import { SlotPool } from '../slots/slot-pool.js'
import { StorageUsage } from '../storage/storage-usage.js'

/** What a scanner-worker counts, one method an event. */
@Injectable()
export class WorkerMetrics {
  private readonly phases
  private readonly attempts
  private readonly restarts

  constructor(metrics: Metrics, slots: SlotPool, usage: StorageUsage) {
    this.phases = metrics.histogram({
      name: 'pharos_scan_phase_duration_seconds',
      help: 'Time that a phase of a scan took.',
      labels: ['phase'],
      buckets: [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 900],
    })
    this.attempts = metrics.counter({
      name: 'pharos_scan_attempts_total',
      help: 'Attempts by their outcome: what was decided or stored, or the code of the problem that ended them.',
      labels: ['outcome'],
    })
    this.restarts = metrics.counter({
      name: 'pharos_scan_engine_restarts_total',
      help: 'Engine processes that were replaced.',
      labels: ['reason'],
    })
    metrics.gauge({
      name: 'pharos_scan_slots_busy',
      help: 'Slots in use.',
      labels: ['kind'],
      collect: (gauge) => {
        for (const kind of ['interactive', 'shared'] as const) gauge.set({ kind }, slots.busy(kind))
      },
    })
    metrics.gauge({
      name: 'pharos_scan_cache_bytes',
      help: 'Bytes on disk, by cache.',
      labels: ['cache'],
      collect: async (gauge) => {
        for (const [cache, bytes] of Object.entries(await usage.read())) gauge.set({ cache }, bytes)
      },
    })
  }

  phaseEnded(phase: ScanPhase, durationMs: number): void {
    this.phases.observe({ phase }, durationMs / 1000)
  }

  attemptEnded(outcome: string): void {
    this.attempts.inc({ outcome })
  }

  engineRestarted(reason: 'died' | 'grown'): void {
    this.restarts.inc({ reason })
  }
}
