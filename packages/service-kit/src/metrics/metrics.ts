import { Injectable } from '@nestjs/common'
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'

/** Every metric of ours begins with `pharos_` and ends with its base unit (`_seconds`, `_bytes`, `_total`). */
export type MetricName = `pharos_${string}`

/** What a metric is: labels must have few values, known before they come (never an id, a path, an image). */
export interface MetricOptions<L extends string> {
  readonly name: MetricName
  readonly help: string
  readonly labels?: readonly L[]
}

/** A gauge that is asked when somebody scrapes. */
export interface GaugeOptions<L extends string> extends MetricOptions<L> {
  readonly collect?: (gauge: Gauge<L>) => Promise<void> | void
}

/** A histogram with its own upper bounds. */
export interface HistogramOptions<L extends string> extends MetricOptions<L> {
  readonly buckets?: readonly number[]
}

/** Upper bounds for things that take from a millisecond to half a minute. */
export const SECONDS_BUCKETS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30] as const

/** The metrics of one service. Asking for the same name again yields the same metric. */
@Injectable()
export class Metrics {
  readonly registry = new Registry()

  /** Adds what every Node process can say: CPU, memory, event loop, garbage collection. */
  collectProcessMetrics(): void {
    collectDefaultMetrics({ register: this.registry })
  }

  counter<L extends string = never>(options: MetricOptions<L>): Counter<L> {
    return (
      this.existing<Counter<L>>(options.name, Counter) ??
      new Counter<L>({ name: options.name, help: options.help, labelNames: [...(options.labels ?? [])], registers: [this.registry] })
    )
  }

  gauge<L extends string = never>(options: GaugeOptions<L>): Gauge<L> {
    const { collect } = options
    return (
      this.existing<Gauge<L>>(options.name, Gauge) ??
      new Gauge<L>({
        name: options.name,
        help: options.help,
        labelNames: [...(options.labels ?? [])],
        registers: [this.registry],
        ...(collect === undefined
          ? {}
          : {
              collect() {
                return collect(this)
              },
            }),
      })
    )
  }

  histogram<L extends string = never>(options: HistogramOptions<L>): Histogram<L> {
    return (
      this.existing<Histogram<L>>(options.name, Histogram) ??
      new Histogram<L>({
        name: options.name,
        help: options.help,
        labelNames: [...(options.labels ?? [])],
        buckets: [...(options.buckets ?? SECONDS_BUCKETS)],
        registers: [this.registry],
      })
    )
  }

  /** Prometheus text. */
  render(): Promise<string> {
    return this.registry.metrics()
  }

  private existing<M>(name: string, kind: abstract new (...args: never[]) => M): M | undefined {
    const metric: unknown = this.registry.getSingleMetric(name)
    if (metric === undefined) return undefined
    if (metric instanceof kind) return metric
    throw new Error(`the metric ${name} is already of another kind`)
  }
}
