import { describe, expect, it } from 'vitest'
import { Metrics } from './metrics.js'

describe('Metrics', () => {
  it('renders counters, gauges and histograms', async () => {
    const metrics = new Metrics()
    metrics.counter({ name: 'pharos_relay_published_total', help: 'h', labels: ['queue'] }).inc({ queue: 'scan' }, 2)
    metrics.gauge({ name: 'pharos_queue_waiting', help: 'h', collect: (gauge) => gauge.set(7) })
    metrics.histogram({ name: 'pharos_ingest_duration_seconds', help: 'h', buckets: [1, 5] }).observe(2)
    const text = await metrics.render()
    expect(text).toContain('pharos_relay_published_total{queue="scan"} 2')
    expect(text).toContain('pharos_queue_waiting 7')
    expect(text).toContain('pharos_ingest_duration_seconds_bucket{le="5"} 1')
  })

  it('yields the same metric for the same name, and refuses another kind', () => {
    const metrics = new Metrics()
    const options = { name: 'pharos_x_total', help: 'h' } as const
    expect(metrics.counter(options)).toBe(metrics.counter(options))
    expect(() => metrics.gauge(options)).toThrow('another kind')
  })

  it('keeps services apart', async () => {
    const one = new Metrics()
    one.counter({ name: 'pharos_x_total', help: 'h' }).inc()
    expect(await new Metrics().render()).not.toContain('pharos_x_total')
  })
})
