import type { Readable } from 'node:stream'
import { Injectable } from '@nestjs/common'
import {
  type AcknowledgeEvents,
  AffectedCount,
  type ClaimSchedules,
  ClaimedSchedules,
  type CreateGeneration,
  DatabaseGeneration,
  DatabaseGenerationPage,
  type EnqueueRescans,
  EventBatch,
  ExpireAnswer,
  type FinishSchedule,
  type GenerationVerdict,
  type ReadEvents,
  type WatchObservation,
} from '@pharos/contracts'
import { ServiceClient } from '@pharos/service-kit'
import { z } from 'zod'

const ObservedAnswer = z.object({ newTasks: z.int().min(0) })

/** What the scheduler asks of results-service, which owns schedules, generations and tasks. */
@Injectable()
export class ResultsClient {
  constructor(private readonly results: ServiceClient) {}

  claimSchedules(body: ClaimSchedules): Promise<ClaimedSchedules> {
    return this.results.request({ method: 'POST', path: '/internal/v1/schedules/claim', body, schema: ClaimedSchedules })
  }

  finishSchedule(id: string, body: z.input<typeof FinishSchedule>): Promise<undefined> {
    return this.results.request({ method: 'POST', path: `/internal/v1/schedules/${encodeURIComponent(id)}/finish`, body })
  }

  observeWatch(id: string, body: WatchObservation): Promise<z.infer<typeof ObservedAnswer>> {
    return this.results.request({
      method: 'POST',
      path: `/internal/v1/schedules/${encodeURIComponent(id)}/observed`,
      body,
      schema: ObservedAnswer,
    })
  }

  enqueueRescans(body: z.input<typeof EnqueueRescans>): Promise<AffectedCount> {
    return this.results.request({ method: 'POST', path: '/internal/v1/rescans', body, schema: AffectedCount, isIdempotent: true })
  }

  expire(): Promise<ExpireAnswer> {
    return this.results.request({ method: 'POST', path: '/internal/v1/expire', body: {}, schema: ExpireAnswer, isIdempotent: true })
  }

  readEvents(query: z.input<typeof ReadEvents>): Promise<EventBatch> {
    return this.results.request({
      method: 'GET',
      path: '/internal/v1/events',
      query: query as Record<string, string | number>,
      schema: EventBatch,
    })
  }

  acknowledgeEvents(body: AcknowledgeEvents): Promise<undefined> {
    return this.results.request({ method: 'POST', path: '/internal/v1/events/acknowledge', body, isIdempotent: true })
  }

  /** Candidates that no engine has opened yet. */
  candidates(): Promise<DatabaseGenerationPage> {
    return this.results.request({
      method: 'GET',
      path: '/internal/v1/generations',
      query: { state: 'candidate', unjudged: 'true' },
      schema: DatabaseGenerationPage,
    })
  }

  generations(state: DatabaseGeneration['state']): Promise<DatabaseGenerationPage> {
    return this.results.request({ method: 'GET', path: '/internal/v1/generations', query: { state }, schema: DatabaseGenerationPage })
  }

  createGeneration(body: CreateGeneration): Promise<DatabaseGeneration> {
    return this.results.request({ method: 'POST', path: '/internal/v1/generations', body, schema: DatabaseGeneration })
  }

  async uploadArchive(id: string, archive: Readable, timeoutMs: number): Promise<DatabaseGeneration> {
    return this.results.request({
      method: 'PUT',
      path: `/internal/v1/generations/${id}/archive`,
      body: archive,
      schema: DatabaseGeneration,
      timeoutMs,
    })
  }

  async downloadArchive(id: string): Promise<Readable> {
    return (await this.results.stream({ method: 'GET', path: `/internal/v1/generations/${id}/archive` })).body
  }

  judgeGeneration(id: string, body: GenerationVerdict): Promise<DatabaseGeneration> {
    return this.results.request({
      method: 'POST',
      path: `/internal/v1/generations/${id}/verdict`,
      body,
      schema: DatabaseGeneration,
      isIdempotent: true,
    })
  }
}
