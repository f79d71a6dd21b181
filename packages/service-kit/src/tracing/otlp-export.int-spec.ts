import { createServer, type Server } from 'node:http'
import { json } from 'node:stream/consumers'
import { SpanKind } from '@opentelemetry/api'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { startTracing } from './tracing.js'
import { injectTraceContext, withExtractedTraceContext, withSpan } from './trace-context.js'

/** What a collector reads of a request (opentelemetry-proto, ExportTraceServiceRequest in its JSON form). */
const Export = z.object({
  resourceSpans: z.array(
    z.object({
      resource: z.object({ attributes: z.array(z.object({ key: z.string(), value: z.object({ stringValue: z.string().optional() }) })) }),
      scopeSpans: z.array(
        z.object({
          spans: z.array(
            z.object({
              traceId: z.string().regex(/^[0-9a-f]{32}$/),
              spanId: z.string().regex(/^[0-9a-f]{16}$/),
              parentSpanId: z.string().optional(),
              name: z.string(),
              kind: z.int(),
              status: z.object({ code: z.int() }),
            }),
          ),
        }),
      ),
    }),
  ),
})
type Export = z.infer<typeof Export>

let collector: Server
let received: { path: string; contentType: string; body: Export }[]
let endpoint: string

beforeEach(async () => {
  received = []
  collector = createServer((request, response) => {
    void json(request).then((body) => {
      received.push({ path: request.url ?? '', contentType: request.headers['content-type'] ?? '', body: Export.parse(body) })
      response.setHeader('content-type', 'application/json').end('{}')
    })
  })
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve))
  endpoint = `http://127.0.0.1:${(collector.address() as { port: number }).port}`
})
afterEach(() => new Promise((resolve) => collector.close(resolve)))

const spans = () =>
  received.flatMap(({ body }) => body.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans)))

describe('tracing with an endpoint', () => {
  it('sends what is held when it stops, as one trace across a queue, under the name of the service', async () => {
    const tracing = startTracing({ service: 'scheduler', endpoint: `${endpoint}/` })
    const carrier = await withSpan('submit', () => injectTraceContext(), { kind: SpanKind.PRODUCER })
    const failed = withExtractedTraceContext(carrier, () =>
      withSpan('scan process', () => Promise.reject(new Error('the image is broken')), { kind: SpanKind.CONSUMER }),
    )
    await expect(failed).rejects.toThrow('broken')
    await tracing.shutdown()

    expect(received.map(({ path, contentType }) => ({ path, contentType }))).toEqual([
      { path: '/v1/traces', contentType: 'application/json' },
    ])
    const [resource] = received[0]?.body.resourceSpans ?? []
    expect(resource?.resource.attributes).toContainEqual({ key: 'service.name', value: { stringValue: 'pharos-scheduler' } })
    const [submit, scan] = spans()
    expect(submit).toMatchObject({ name: 'submit', kind: 4, status: { code: 0 } })
    expect(scan).toMatchObject({
      name: 'scan process',
      kind: 5,
      status: { code: 2 },
      traceId: submit?.traceId,
      parentSpanId: submit?.spanId,
    })
  })

  it('sends nothing of a trace that is not sampled', async () => {
    const tracing = startTracing({ service: 'scheduler', endpoint, sampleRatio: 0 })
    await withSpan('submit', () => undefined)
    await tracing.shutdown()
    expect(received).toEqual([])
  })

  it('ends in time when nobody answers', async () => {
    const tracing = startTracing({ service: 'scheduler', endpoint: 'http://127.0.0.1:9' })
    await withSpan('submit', () => undefined)
    await expect(tracing.shutdown()).resolves.toBeUndefined()
  })
})
