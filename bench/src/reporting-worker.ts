import { gzipSync } from 'node:zlib'
import {
  attemptTokenHeader,
  type CataloguerIdentity,
  ClaimedAttempt,
  ReportAnswer,
  reportLines,
  ResolveDecision,
  type ResolvedImage,
} from '@pharos/contracts'
import { ServiceClient, ServiceTokenSigner } from '@pharos/service-kit'
import { imageOf, reportOf } from './generated-report.js'
import type { Suite } from './pharos-suite.js'

/** An attempt that has its run. */
export interface TakenAttempt {
  attemptId: string
  token: string
}

/** An attempt that has its run and a report to hand in. */
export interface ReadyReport extends TakenAttempt {
  /** Gzip of the report's lines. */
  body: Buffer
}

type Claim = Extract<ClaimedAttempt, { outcome: 'claimed' }>

const generated: CataloguerIdentity = { cataloguer: 'syft', version: '1', configuration: 'a' }

/** Takes attempts up and reports on them over HTTP as a worker does, without looking at any image. */
export class ReportingWorker {
  private readonly client: ServiceClient

  constructor(
    { resultsUrl, settings }: Suite,
    private readonly cataloguer: CataloguerIdentity = generated,
  ) {
    const signer = new ServiceTokenSigner('scanner-worker', settings.secrets.serviceKeys['scanner-worker'])
    this.client = new ServiceClient({ target: 'results-service', baseUrl: resultsUrl, signer, timeoutMs: 60_000 })
  }

  /** Claims a task, tells the digest of its image, and makes its report. */
  async prepare(taskId: string, name: string, variant: string): Promise<ReadyReport> {
    const image = imageOf(name)
    return { ...(await this.take(taskId, image)), body: gzipSync(reportLines(reportOf(image, variant))) }
  }

  /** Claims a task and tells the digest of its image. */
  async take(taskId: string, image: ResolvedImage): Promise<TakenAttempt> {
    const { attemptId, token } = await this.claim(taskId)
    const decision = await this.client.request({
      method: 'POST',
      path: `/internal/v1/attempts/${attemptId}/resolved`,
      headers: { [attemptTokenHeader]: token },
      body: image,
      schema: ResolveDecision,
    })
    if (decision.decision !== 'run') throw new Error(`${image.digest} was not to be scanned: ${decision.decision}`)
    return { attemptId, token }
  }

  /** Takes a task up. */
  async claim(taskId: string): Promise<Claim> {
    const claim = await this.client.request({
      method: 'POST',
      path: '/internal/v1/attempts/claim',
      body: {
        taskId,
        attempt: 1,
        workerId: 'bench',
        engines: [{ engine: 'grype', version: '1', available: true, reason: null }],
        cataloguer: this.cataloguer,
      },
      schema: ClaimedAttempt,
    })
    if (claim.outcome !== 'claimed') throw new Error(`the claim of task ${taskId} was dropped: ${claim.reason}`)
    return claim
  }

  /** Hands a report in; resolves when it is stored. */
  async report({ attemptId, token, body }: ReadyReport): Promise<void> {
    const headers = { [attemptTokenHeader]: token, 'content-type': 'application/x-ndjson', 'content-encoding': 'gzip' }
    const { outcome } = await this.client.request({
      method: 'POST',
      path: `/internal/v1/attempts/${attemptId}/report`,
      headers,
      body,
      schema: ReportAnswer,
    })
    if (outcome !== 'stored') throw new Error(`a report was not stored: ${outcome}`)
  }
}
