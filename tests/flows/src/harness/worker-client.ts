import {
  AttemptProgressAnswer,
  attemptTokenHeader,
  ClaimedAttempt,
  PharosError,
  ReportAnswer,
  type ResolvedImage,
  ResolveDecision,
  type ScanReport,
} from '@pharos/contracts'
import { ServiceClient, ServiceTokenSigner } from '@pharos/service-kit'
import { gzipSync } from 'node:zlib'
import type { PharosStack } from './pharos-stack.js'

type Claim = Extract<ClaimedAttempt, { outcome: 'claimed' }>

/** A worker of the flow's own, over real HTTP with a worker's key: it does what it is told, also what no honest worker does. */
export class WorkerClient {
  private readonly client: ServiceClient

  constructor(
    { resultsUrl, settings }: PharosStack,
    private readonly workerId: string,
  ) {
    const signer = new ServiceTokenSigner('scanner-worker', settings.secrets.serviceKeys['scanner-worker'])
    this.client = new ServiceClient({ target: 'results-service', baseUrl: resultsUrl, signer })
  }

  close(): void {
    this.client.close()
  }

  /** Takes an attempt; fails when it is not given. */
  async claim(taskId: string, attempt: number): Promise<Claim> {
    const body = { taskId, attempt, workerId: this.workerId, engines: [], cataloguer: null }
    const claim = await this.client.request({ method: 'POST', path: '/internal/v1/attempts/claim', body, schema: ClaimedAttempt })
    if (claim.outcome !== 'claimed') throw new Error(`the attempt was not given: ${claim.reason}`)
    return claim
  }

  progress({ attemptId, token }: Pick<Claim, 'attemptId' | 'token'>): Promise<unknown> {
    return this.client.request({ ...call(attemptId, token, 'progress'), body: { phase: 'match' }, schema: AttemptProgressAnswer })
  }

  resolved({ attemptId, token }: Pick<Claim, 'attemptId' | 'token'>, body: ResolvedImage): Promise<ResolveDecision> {
    return this.client.request({ ...call(attemptId, token, 'resolved'), body, schema: ResolveDecision })
  }

  report({ attemptId, token }: Pick<Claim, 'attemptId' | 'token'>, report: ScanReport): Promise<ReportAnswer> {
    const request = call(attemptId, token, 'report')
    const headers = { ...request.headers, 'content-type': 'application/json', 'content-encoding': 'gzip' }
    return this.client.request({ ...request, headers, body: gzipSync(JSON.stringify(report)), schema: ReportAnswer })
  }
}

/** The code of the problem that a call is refused with; `done` when it is not. */
export async function refusalOf(call: Promise<unknown>): Promise<string> {
  try {
    await call
    return 'done'
  } catch (error) {
    if (error instanceof PharosError) return error.code
    throw error
  }
}

/** An image as a worker resolves it. */
export function resolvedImage(digest: string): ResolvedImage {
  return {
    digest,
    indexDigest: null,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    platform: 'linux/amd64',
    configDigest: null,
    sizeBytes: 1,
    layers: [],
    annotations: {},
    reference: { registry: 'registry.example', repository: 'team/app', tag: '1' },
    indexPlatforms: [],
  }
}

/** A report that says nothing but that an engine was missing. */
export function emptyReport(digest: string): ScanReport {
  return {
    reportVersion: 1,
    image: resolvedImage(digest),
    config: null,
    distro: null,
    catalogue: null,
    packages: [],
    engines: [
      {
        engine: 'grype',
        status: 'unavailable',
        engineVersion: null,
        database: null,
        reasons: [{ code: 'engine-unavailable', detail: 'The flow has no engine.' }],
        vulnerabilities: [],
        matches: [],
        secrets: [],
        misconfigurations: [],
      },
    ],
  }
}

function call(attemptId: string, token: string, action: string) {
  return { method: 'POST' as const, path: `/internal/v1/attempts/${attemptId}/${action}`, headers: { [attemptTokenHeader]: token } }
}
