import { context, propagation, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'

/** W3C Trace Context as it travels in a job payload or in headers. */
export type TraceCarrier = Record<string, string>

const tracer = () => trace.getTracer('@pharos/service-kit')

/** The active trace as a carrier; empty when there is none. */
export function injectTraceContext(): TraceCarrier {
  const carrier: TraceCarrier = {}
  propagation.inject(context.active(), carrier)
  return carrier
}

/** Runs `work` as a part of the trace that the carrier names; without one it runs as it stands. */
export function withExtractedTraceContext<T>(carrier: Readonly<TraceCarrier> | undefined, work: () => T): T {
  return carrier === undefined ? work() : context.with(propagation.extract(context.active(), carrier), work)
}

/** Runs `work` in a span of this name; an error is recorded on the span and passed on. */
export async function withSpan<T>(
  name: string,
  work: (span: Span) => Promise<T> | T,
  options: { kind?: SpanKind; attributes?: Record<string, string | number | boolean> } = {},
): Promise<T> {
  return tracer().startActiveSpan(name, { kind: options.kind ?? SpanKind.INTERNAL, attributes: options.attributes ?? {} }, async (span) => {
    try {
      return await work(span)
    } catch (error) {
      span.recordException(error instanceof Error ? error : String(error))
      span.setStatus({ code: SpanStatusCode.ERROR })
      throw error
    } finally {
      span.end()
    }
  })
}

/** Id of the active trace, 32 hex digits. */
export function currentTraceId(): string | undefined {
  return trace.getActiveSpan()?.spanContext().traceId
}
