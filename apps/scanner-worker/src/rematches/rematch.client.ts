import { Injectable } from '@nestjs/common'
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
import { ServiceClient } from '@pharos/service-kit'
import { compressedBody, largeBodyTimeoutMs } from '../results/compressed-body.js'

/** A chunk as its holder shows it. */
export interface ChunkKey {
  readonly rematchId: string
  readonly chunk: number
  readonly token: string
}

/** Re-matches at results-service, as a worker takes part in them. */
@Injectable()
export class RematchClient {
  constructor(private readonly client: ServiceClient) {}

  claim(body: ClaimRematchChunk, signal: AbortSignal): Promise<ClaimedRematchChunk> {
    return this.client.request({ method: 'POST', path: '/internal/v1/rematches/chunks/claim', body, schema: ClaimedRematchChunk, signal })
  }

  renew(key: ChunkKey): Promise<RematchLease> {
    return this.client.request({ ...call(key, 'renew'), body: {}, schema: RematchLease, isIdempotent: true, timeoutMs: 5_000 })
  }

  /** @throws PharosError `attempt-superseded` when the chunk is another's by now */
  async deliver(key: ChunkKey, results: RematchChunkResults, signal: AbortSignal): Promise<RematchChunkAnswer> {
    const body = await compressedBody(JSON.stringify(results))
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
