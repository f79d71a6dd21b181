import { createWriteStream } from 'node:fs'
import { Transform } from 'node:stream'
import { createHash } from 'node:crypto'
import { pipeline } from 'node:stream/promises'
import { Injectable } from '@nestjs/common'
import {
  AttemptDeferral,
  AttemptFailure,
  AttemptFailureAnswer,
  AttemptProgressAnswer,
  attemptTokenHeader,
  type ClaimAttempt,
  ClaimedAttempt,
  type EngineCapability,
  type ReportAnswer as ReportAnswerType,
  ReportAnswer,
  reportLines,
  ResolveDecision,
  type ResolvedImage,
  type ScanPhase,
  type ScanReport,
  PharosError,
} from '@pharos/contracts'
import { ServiceClient } from '@pharos/service-kit'
import type { z } from 'zod'
import { compressedBody, largeBodyTimeoutMs } from './compressed-body.js'

/** An attempt as its holder shows it. */
export interface AttemptKey {
  readonly attemptId: string
  readonly token: string
}

/** Results-service, as a worker uses it. Every method throws the `PharosError` that it answers; `upstream-unavailable` when it does not. */
@Injectable()
export class ResultsClient {
  constructor(private readonly client: ServiceClient) {}

  /** Repeating a claim with the same worker and job is answered alike, so it may be sent twice. */
  claim(body: ClaimAttempt): Promise<ClaimedAttempt> {
    return this.client.request({ method: 'POST', path: '/internal/v1/attempts/claim', body, schema: ClaimedAttempt, isIdempotent: true })
  }

  progress(key: AttemptKey, phase: ScanPhase, detail: string | null): Promise<z.output<typeof AttemptProgressAnswer>> {
    return this.client.request({
      ...this.attempt(key, 'POST', 'progress'),
      body: { phase, detail },
      schema: AttemptProgressAnswer,
      isIdempotent: true,
      timeoutMs: 5_000,
    })
  }

  resolved(key: AttemptKey, body: ResolvedImage, signal: AbortSignal): Promise<ResolveDecision> {
    return this.client.request({ ...this.attempt(key, 'POST', 'resolved'), body, schema: ResolveDecision, signal })
  }

  failed(key: AttemptKey, body: AttemptFailure): Promise<AttemptFailureAnswer> {
    return this.client.request({
      ...this.attempt(key, 'POST', 'failed'),
      body: AttemptFailure.parse(body),
      schema: AttemptFailureAnswer,
      isIdempotent: true,
    })
  }

  async deferred(key: AttemptKey, body: AttemptDeferral): Promise<void> {
    await this.client.request({ ...this.attempt(key, 'POST', 'deferred'), body: AttemptDeferral.parse(body), isIdempotent: true })
  }

  /** Uploads a catalogue: gzipped syft-json. */
  async putSbom(key: AttemptKey, bytes: Buffer, signal: AbortSignal): Promise<void> {
    await this.client.request({
      ...this.attempt(key, 'PUT', 'sbom'),
      body: bytes,
      headers: { ...tokenOf(key), 'content-type': 'application/gzip' },
      signal,
      timeoutMs: largeBodyTimeoutMs,
    })
  }

  /** Downloads the stored catalogue, or the posted SBOM, as it is kept. */
  async getSbom(key: AttemptKey, path: string, signal: AbortSignal): Promise<void> {
    const answer = await this.client.stream({
      ...this.attempt(key, 'GET', 'sbom'),
      headers: { ...tokenOf(key), accept: 'application/gzip' },
      signal,
    })
    await pipeline(answer.body, createWriteStream(path, { mode: 0o600 }), { signal })
  }

  async report(key: AttemptKey, report: ScanReport, signal: AbortSignal): Promise<ReportAnswerType> {
    const body = await compressedBody(reportLines(report))
    return this.client.request({
      ...this.attempt(key, 'POST', 'report'),
      body,
      headers: { ...tokenOf(key), 'content-type': 'application/x-ndjson', 'content-encoding': 'gzip' },
      schema: ReportAnswer,
      isIdempotent: true,
      signal,
      timeoutMs: largeBodyTimeoutMs,
    })
  }

  /** Downloads the archive of a database generation and returns its SHA-256, hex. */
  async archive(generationId: string, path: string, limitBytes: number): Promise<string> {
    const answer = await this.client.stream({
      method: 'GET',
      path: `/internal/v1/generations/${encodeURIComponent(generationId)}/archive`,
      headers: { accept: 'application/octet-stream' },
    })
    const hash = createHash('sha256')
    let seenBytes = 0
    const check = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        seenBytes += chunk.length
        hash.update(chunk)
        if (seenBytes > limitBytes)
          done(
            new PharosError('database-damaged', `The archive of the database is larger than the ${limitBytes} bytes that it should have.`),
          )
        else done(null, chunk)
      },
    })
    await pipeline(answer.body, check, createWriteStream(path, { mode: 0o600 }))
    return hash.digest('hex')
  }

  async heartbeat(body: {
    workerId: string
    version: string
    slots: number
    busy: number
    engines: readonly EngineCapability[]
  }): Promise<void> {
    await this.client.request({ method: 'POST', path: '/internal/v1/workers/heartbeat', body, isIdempotent: true, timeoutMs: 5_000 })
  }

  private attempt(key: AttemptKey, method: 'GET' | 'POST' | 'PUT', action: string) {
    return { method, path: `/internal/v1/attempts/${encodeURIComponent(key.attemptId)}/${action}`, headers: tokenOf(key) }
  }
}

function tokenOf({ token }: AttemptKey): Record<string, string> {
  return { [attemptTokenHeader]: token }
}
