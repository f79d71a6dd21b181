import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import {
  AttemptDeferral,
  AttemptFailure,
  attemptTokenHeader,
  ClaimAttempt,
  type ClaimedAttempt,
  PharosError,
  type ResolveDecision,
  type ScanReport,
} from '@pharos/contracts'
import { FakeEnrichments } from './fake-enrichments.js'
import { reportOfLines } from './reported-lines.js'

/** One call of the worker. */
export interface ResultsCall {
  readonly action: string
  readonly attemptId: string
  readonly token: string | undefined
  readonly body: unknown
}

/** Results-service, as far as a worker sees it: answers what the test has set and keeps what it was told. */
export class FakeResults {
  readonly calls: ResultsCall[] = []
  readonly enrichments = new FakeEnrichments()
  readonly claims = new Map<string, ClaimedAttempt>()
  /** What every generation's archive is. */
  archive = Buffer.concat([Buffer.from([0x1f, 0x8b, 8]), Buffer.from('a database')])
  archiveDownloads = 0
  /** Whether a beat is answered with continue; may also throw a problem. */
  onProgress: (attemptId: string, phase: string) => boolean = () => true
  onResolved: (attemptId: string) => ResolveDecision = () => ({
    decision: 'run',
    runId: '0190d7a2-6c1e-7d5b-8b0a-3a6f0b1c2d3e',
    hasCatalogue: false,
  })
  /** Problems that reports are answered with before one is taken. */
  readonly reportProblems: PharosError[] = []
  readonly sboms = new Map<string, Buffer>()
  isDown = false
  /** Calls that were not answered because it was down. */
  unanswered = 0
  leaseMs = 900
  private readonly server = createServer((request, response) => void this.answer(request, response))
  url = ''

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve))
    this.url = `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`
    return this
  }

  get checksum(): string {
    return createHash('sha256').update(this.archive).digest('hex')
  }

  of(action: string, attemptId?: string): ResultsCall[] {
    return this.calls.filter((call) => call.action === action && (attemptId === undefined || call.attemptId === attemptId))
  }

  /** The one report of an attempt, checked by the contract. */
  report(attemptId: string): ScanReport {
    return reportOfLines(this.of('report', attemptId)[0]?.body as string)
  }

  async close(): Promise<void> {
    this.server.closeAllConnections()
    await new Promise((resolve) => this.server.close(resolve))
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    if (this.isDown) {
      this.unanswered += 1
      request.socket.destroy()
      return
    }
    try {
      this.route(request, response, Buffer.concat(chunks))
    } catch (error) {
      const problem = error instanceof PharosError ? error : new PharosError('internal-error', String(error))
      response.writeHead(problem.status, { 'content-type': 'application/problem+json' }).end(JSON.stringify(problem.toProblem()))
    }
  }

  private route(request: IncomingMessage, response: ServerResponse, bytes: Buffer): void {
    const path = request.url ?? ''
    const json = (value: unknown): void => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value))
    }
    if (this.enrichments.answer(request, response, bytes)) return
    if (path === '/healthz' || path === '/internal/v1/workers/heartbeat') return json({})
    if (path === '/internal/v1/attempts/claim') {
      const claim = ClaimAttempt.parse(JSON.parse(bytes.toString()))
      this.calls.push({ action: 'claim', attemptId: `${claim.taskId}-${claim.attempt}`, token: undefined, body: claim })
      return json(this.claims.get(claim.taskId) ?? { outcome: 'dropped', reason: 'unknown-task' })
    }
    if (path.endsWith('/archive')) {
      this.archiveDownloads += 1
      response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(this.archive)
      return
    }
    const [, attemptId = '', action = ''] = /^\/internal\/v1\/attempts\/([^/]+)\/(\w+)$/.exec(path) ?? []
    const token = request.headers[attemptTokenHeader]
    const call = (body: unknown): void => {
      this.calls.push({
        action: request.method === 'GET' ? `get-${action}` : action,
        attemptId,
        token: typeof token === 'string' ? token : undefined,
        body,
      })
    }
    if (action === 'sbom' && request.method === 'GET') {
      call(null)
      const sbom = this.sboms.get(attemptId)
      if (sbom === undefined) throw new PharosError('not-found', 'no SBOM')
      response.writeHead(200, { 'content-type': 'application/gzip' }).end(sbom)
      return
    }
    if (action === 'sbom') {
      call(JSON.parse(gunzipSync(bytes).toString()))
      return json({})
    }
    const text = (request.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes).toString()
    const body: unknown = action === 'report' ? text : JSON.parse(text)
    call(body)
    switch (action) {
      case 'progress':
        return json({ continue: this.onProgress(attemptId, (body as { phase: string }).phase), leaseMs: this.leaseMs })
      case 'resolved':
        return json(this.onResolved(attemptId))
      case 'failed':
        AttemptFailure.parse(body)
        return json({ next: 'retry' })
      case 'deferred':
        AttemptDeferral.parse(body)
        return json({})
      case 'report': {
        const problem = this.reportProblems.shift()
        if (problem !== undefined) throw problem
        return json({ outcome: 'stored' })
      }
      default:
        throw new PharosError('not-found', path)
    }
  }
}
