import { SpanKind } from '@opentelemetry/api'
import { type Job, UnrecoverableError } from 'bullmq'
import { z } from 'zod'
import { type Clock, InjectClock } from '../clock/clock.js'
import { withLogContext } from '../logging/log-context.js'
import { PharosLogger } from '../logging/pharos-logger.js'
import { Metrics } from '../metrics/metrics.js'
import { injectTraceContext, type TraceCarrier, withExtractedTraceContext, withSpan } from '../tracing/trace-context.js'
import { Injectable } from '@nestjs/common'
import { Quarantine } from './quarantine.js'

/** Fields of a job payload that concern every queue; both optional, so that payloads of older producers parse. */
const JobEnvelope = z.object({
  trace: z.record(z.string(), z.string()).optional().catch(undefined),
  taskId: z.string().optional().catch(undefined),
})

/** Adds the active trace to a payload whose schema has `trace?: Record<string, string>`. */
export function withTrace<P extends object>(payload: P): P & { trace?: TraceCarrier } {
  const trace = injectTraceContext()
  return Object.keys(trace).length === 0 ? payload : { ...payload, trace }
}

/** What a consumer passes to every job: parsing, quarantine, trace, log context, metrics. */
@Injectable()
export class JobRunner {
  private readonly durations
  private readonly quarantined

  constructor(
    private readonly quarantine: Quarantine,
    private readonly logger: PharosLogger,
    @InjectClock() private readonly clock: Clock,
    metrics: Metrics,
  ) {
    this.durations = metrics.histogram({
      name: 'pharos_job_duration_seconds',
      help: 'Time that a job of a queue took, from its start to its end.',
      labels: ['queue', 'outcome'],
      buckets: [0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600],
    })
    this.quarantined = metrics.counter({
      name: 'pharos_job_payloads_quarantined_total',
      help: 'Payloads that did not parse and were put aside.',
      labels: ['queue'],
    })
  }

  /**
   * Runs one job. A payload that does not fit the schema goes into quarantine and the job fails without retry
   * (`UnrecoverableError`); an error of `work` is passed to BullMQ as it is.
   */
  async run<S extends z.ZodType, R>(job: Job, schema: S, work: (payload: z.output<S>) => Promise<R>): Promise<R> {
    const envelope = JobEnvelope.safeParse(job.data)
    const { trace, taskId } = envelope.success ? envelope.data : {}
    const context = { queue: job.queueName, jobId: job.id ?? '', ...(taskId === undefined ? {} : { taskId }) }
    return withLogContext(context, () =>
      withExtractedTraceContext(trace, () =>
        withSpan(`${job.queueName} process`, () => this.parseAndWork(job, schema, work), {
          kind: SpanKind.CONSUMER,
          attributes: { 'messaging.destination.name': job.queueName, 'messaging.message.id': job.id ?? '' },
        }),
      ),
    )
  }

  private async parseAndWork<S extends z.ZodType, R>(job: Job, schema: S, work: (payload: z.output<S>) => Promise<R>): Promise<R> {
    const payload = schema.safeParse(job.data)
    if (!payload.success) {
      await this.putAside(job, payload.error)
      throw new UnrecoverableError('the payload does not fit the contract and was put aside')
    }
    const stop = this.durations.startTimer({ queue: job.queueName })
    try {
      const result = await work(payload.data)
      stop({ outcome: 'completed' })
      return result
    } catch (error) {
      stop({ outcome: 'failed' })
      throw error
    }
  }

  private async putAside(job: Job, error: z.ZodError): Promise<void> {
    const problems = error.issues.map((issue) => `/${issue.path.map(String).join('/')}: ${issue.message}`)
    await this.quarantine.add({
      queue: job.queueName,
      jobId: job.id ?? '',
      name: job.name,
      payload: JSON.stringify(job.data) ?? 'undefined',
      problems,
      quarantinedAt: this.clock.now().toISOString(),
    })
    this.quarantined.inc({ queue: job.queueName })
    this.logger.error('job quarantined', { problems })
  }
}
