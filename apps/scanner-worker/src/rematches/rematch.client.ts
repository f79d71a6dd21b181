import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { Injectable, type OnApplicationShutdown } from '@nestjs/common'
import {
  ClaimedRematchChunk,
  type ClaimRematchChunk,
  RematchChunkAnswer,
  type RematchChunkFailure,
  rematchChunkPath,
  type RematchChunkResults,
  RematchLease,
  rematchTokenHeader,
} from '@pharos/contracts'
import { InjectConfiguration, ServiceClient, ServiceTokenSigner } from '@pharos/service-kit'
import type { WorkerConfiguration } from '../configuration.js'

const gzipAsync = promisify(gzip)
const largeBodyTimeoutMs = 120_000

/** A chunk as its holder shows it. */
export interface ChunkKey {
  readonly rematchId: string
  readonly chunk: number
  readonly token: string
}

/** Re-matches at results-service, as a worker takes part in them. */
@Injectable()
export class RematchClient implements OnApplicationShutdown {
  private readonly client: ServiceClient

  constructor(@InjectConfiguration() { results, identity }: WorkerConfiguration) {
    this.client = new ServiceClient({
      target: 'results-service',
      baseUrl: results.url,
      signer: new ServiceTokenSigner('scanner-worker', identity.key),
    })
  }

  onApplicationShutdown(): void {
    this.client.close()
  }

  claim(body: ClaimRematchChunk, signal: AbortSignal): Promise<ClaimedRematchChunk> {
    return this.client.request({ method: 'POST', path: '/internal/v1/rematches/chunks/claim', body, schema: ClaimedRematchChunk, signal })
  }

  renew(key: ChunkKey): Promise<RematchLease> {
    return this.client.request({ ...call(key, 'renew'), body: {}, schema: RematchLease, isIdempotent: true, timeoutMs: 5_000 })
  }

  /** @throws PharosError `attempt-superseded` when the chunk is another's by now */
  async deliver(key: ChunkKey, results: RematchChunkResults, signal: AbortSignal): Promise<RematchChunkAnswer> {
    const body = await gzipAsync(JSON.stringify(results), { level: 1 })
    const { headers, ...rest } = call(key, 'deliver')
    return this.client.request({
      ...rest,
      headers: { ...headers, 'content-type': 'application/gzip' },
      body,
      schema: RematchChunkAnswer,
      isIdempotent: true,
      timeoutMs: largeBodyTimeoutMs,
      signal,
    })
  }

  async fail(key: ChunkKey, body: RematchChunkFailure): Promise<void> {
    await this.client.request({ ...call(key, 'fail'), body, isIdempotent: true, timeoutMs: 5_000 })
  }
}

function call({ rematchId, chunk, token }: ChunkKey, action: 'renew' | 'deliver' | 'fail') {
  return { method: 'POST' as const, path: rematchChunkPath(rematchId, chunk, action), headers: { [rematchTokenHeader]: token } }
}
