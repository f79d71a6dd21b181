import { setTimeout as sleep } from 'node:timers/promises'
import { context, propagation, trace } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { resourceFromAttributes } from '@opentelemetry/resources'
import {
  AlwaysOnSampler,
  BatchSpanProcessor,
  NodeTracerProvider,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace-node'
import { ATTR_SERVICE_NAME } from '@opentelemetry/semantic-conventions'

/** How tracing is set up. */
export interface TracingOptions {
  readonly service: string
  /** Collector that takes OTLP over HTTP; spans go to `<endpoint>/v1/traces`. */
  readonly endpoint?: string | undefined
  /** Share of new traces that are sent. */
  readonly sampleRatio?: number
}

/** Tracing that runs. */
export interface Tracing {
  /** Sends what is still held and stops. Spans that no collector takes within `lastExportMs` are lost; the end of a service waits for nobody. */
  shutdown(): Promise<void>
}

const lastExportMs = 3000

/**
 * Starts tracing for the process, once. Without an endpoint spans are made, so that trace ids stand in logs and travel by
 * W3C Trace Context, but nothing is sent.
 */
export function startTracing(options: TracingOptions): Tracing {
  const { service, endpoint, sampleRatio = 1 } = options
  const exporter = endpoint === undefined ? undefined : new OTLPTraceExporter({ url: `${endpoint.replace(/\/+$/, '')}/v1/traces` })
  const provider = new NodeTracerProvider({
    resource: resourceFromAttributes({ [ATTR_SERVICE_NAME]: `pharos-${service}` }),
    sampler: new ParentBasedSampler({ root: sampleRatio < 1 ? new TraceIdRatioBasedSampler(sampleRatio) : new AlwaysOnSampler() }),
    spanProcessors: exporter === undefined ? [] : [new BatchSpanProcessor(exporter)],
  })
  // W3C Trace Context and Baggage are the defaults of register(); the context manager is AsyncLocalStorage.
  provider.register()
  return {
    shutdown: async () => {
      const overdue = new AbortController()
      const sent = provider.shutdown().catch(() => undefined)
      await Promise.race([sent, sleep(lastExportMs, undefined, { ref: false, signal: overdue.signal }).catch(() => undefined)])
      overdue.abort()
      trace.disable()
      context.disable()
      propagation.disable()
    },
  }
}
