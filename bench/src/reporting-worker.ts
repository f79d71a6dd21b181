import { gzipSync } from 'node:zlib'
import { attemptTokenHeader, type CataloguerIdentity, ClaimedAttempt, ReportAnswer, ResolveDecision } from '@pharos/contracts'
import { ServiceClient, ServiceTokenSigner } from '@pharos/service-kit'
import { imageOf, reportOf } from './generated-report.js'
import type { Suite } from './pharos-suite.js'

/** An attempt that has its run and a report to hand in. */
export interface ReadyReport {
  attemptId: string
  token: string
  /** Gzip JSON. */
  body: Buffer
}

const cataloguer: CataloguerIdentity = { cataloguer: 'syft', version: '1', configuration: 'a' }

/** Takes attempts up and reports on them over HTTP as a worker does, without looking at any image. */
export class ReportingWorker {
  private readonly client: ServiceClient

  constructor({ resultsUrl, settings }: Suite) {
    const signer = new ServiceTokenSigner('scanner-worker', settings.secrets.serviceKeys['scanner-worker'])
    this.client = new ServiceClient({ target: 'results-service', baseUrl: resultsUrl, signer, timeoutMs: 60_000 })
  }

  /** Claims a task and tells the digest of its image. */
  async prepare(taskId: string, name: string, variant: string): Promise<ReadyReport> {
    const claim = await this.client.request({
      method: 'POST',
      path: '/internal/v1/attempts/claim',
      body: {
        taskId,
        attempt: 1,
        workerId: 'bench',
        engines: [{ engine: 'grype', version: '1', available: true, reason: null }],
        cataloguer,
      },
      schema: ClaimedAttempt,
    })
    if (claim.outcome !== 'claimed') throw new Error(`the claim of ${name} was dropped: ${claim.reason}`)
    const { attemptId, token } = claim
    const image = imageOf(name)
    const headers = { [attemptTokenHeader]: token }
    const decision = await this.client.request({
      method: 'POST',
      path: `/internal/v1/attempts/${attemptId}/resolved`,
      headers,
      body: image,
      schema: ResolveDecision,
    })
    if (decision.decision !== 'run') throw new Error(`${name} was not to be scanned: ${decision.decision}`)
    return { attemptId, token, body: gzipSync(JSON.stringify(reportOf(image, variant))) }
  }

  /** Hands a report in; resolves when it is stored. */
  async report({ attemptId, token, body }: ReadyReport): Promise<void> {
    const headers = { [attemptTokenHeader]: token, 'content-type': 'application/json', 'content-encoding': 'gzip' }
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
