import type { IncomingMessage, ServerResponse } from 'node:http'
import { gunzipSync } from 'node:zlib'
import {
  ClaimEnrichment,
  type ClaimedEnrichment,
  type EnricherFile,
  EnrichmentFailure,
  EnrichmentResults,
  type EnrichmentSubject,
  enrichmentTokenHeader,
  PharosError,
} from '@pharos/contracts'

/** A chunk that waits for a worker, with its subjects and their payloads. */
export interface FakeChunk {
  readonly head: Exclude<ClaimedEnrichment, { outcome: 'none' }>
  readonly subjects: readonly { readonly about: EnrichmentSubject; readonly payload: string }[]
}

/** One call of the worker about a chunk. */
export interface EnrichmentCall {
  readonly action: string
  readonly chunkId: string
  readonly token: string | undefined
  readonly body: unknown
}

/** Enrichment at results-service, as far as a worker sees it. */
export class FakeEnrichments {
  readonly calls: EnrichmentCall[] = []
  readonly waiting: FakeChunk[] = []
  readonly sets = new Map<string, { id: string; hash: string; files: EnricherFile[] }>()
  claims = 0
  setDownloads = 0
  leaseMs = 900
  /** Whether the lease goes on. */
  onRenew: (chunkId: string) => boolean = () => true
  /** Problems that deliveries are answered with before one is taken. */
  readonly deliveryProblems: PharosError[] = []

  of(action: string, chunkId?: string): EnrichmentCall[] {
    return this.calls.filter((call) => call.action === action && (chunkId === undefined || call.chunkId === chunkId))
  }

  /** What was delivered of a chunk, checked by the contract, in the order in which it came. */
  delivered(chunkId: string): EnrichmentResults[] {
    return this.of('deliver', chunkId).map(({ body }) => EnrichmentResults.parse(body))
  }

  /** Whether the call was one about enrichment, and was answered. */
  answer(request: IncomingMessage, response: ServerResponse, bytes: Buffer): boolean {
    const path = request.url ?? ''
    const json = (value: unknown): true => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value))
      return true
    }
    if (path === '/internal/v1/enrichments/claim') {
      ClaimEnrichment.parse(JSON.parse(bytes.toString()))
      return this.claim(response)
    }
    const [, setId] = /^\/internal\/v1\/enrichers\/sets\/([^/]+)\/files$/.exec(path) ?? []
    if (setId !== undefined) {
      this.setDownloads += 1
      const set = this.sets.get(setId)
      if (set === undefined) throw new PharosError('not-found', 'no such set')
      return json(set)
    }
    const [, chunkId = '', action] = /^\/internal\/v1\/enrichments\/([^/]+)\/(renew|deliver|fail)$/.exec(path) ?? []
    if (action === undefined) return false
    const token = request.headers[enrichmentTokenHeader]
    const text = (action === 'deliver' ? gunzipSync(bytes) : bytes).toString()
    this.calls.push({ action, chunkId, token: typeof token === 'string' ? token : undefined, body: JSON.parse(text) as unknown })
    if (action === 'renew') return json({ continue: this.onRenew(chunkId), leaseMs: this.leaseMs })
    if (action === 'fail') {
      EnrichmentFailure.parse(JSON.parse(text))
      response.writeHead(204).end()
      return true
    }
    const problem = this.deliveryProblems.shift()
    if (problem !== undefined) throw problem
    return json({ outcome: 'stored', remaining: 0 })
  }

  private claim(response: ServerResponse): true {
    this.claims += 1
    const chunk = this.waiting.shift()
    const head: ClaimedEnrichment = chunk?.head ?? { outcome: 'none' }
    response.writeHead(200, { 'content-type': 'application/x-ndjson' })
    response.write(`${JSON.stringify(head)}\n`)
    for (const { about, payload } of chunk?.subjects ?? []) response.write(`${JSON.stringify(about)}\n${payload}\n`)
    response.end()
    return true
  }
}
