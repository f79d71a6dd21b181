import { createHash } from 'node:crypto'
import { Injectable } from '@nestjs/common'
import { PharosError } from '@pharos/contracts'
import { Database, type Transaction } from '../database/transaction.js'
import { IdempotencyRepository, type IdempotencyScope } from './idempotency.repository.js'

/** An answer as it is sent, and whether it is the first one again. */
export interface IdempotentAnswer {
  readonly status: number
  /** JSON text. */
  readonly answer: string
  readonly isReplayed: boolean
}

/** What a request must be told apart by. */
export interface IdempotentRequest extends IdempotencyScope {
  /** The body as text. */
  readonly body: string
}

const lifeMs = 24 * 3_600_000
/** A first request that takes longer has died with its process. */
const lockMs = 60_000

/** Answers a repeated request with its first answer, for 24 hours. */
@Injectable()
export class IdempotencyService {
  constructor(
    private readonly database: Database,
    private readonly keys: IdempotencyRepository,
  ) {}

  /** The work and the note of its answer are one transaction: what was accepted is never accepted again under the same key. */
  async run(request: IdempotentRequest, work: (tx: Transaction) => Promise<{ status: number; body: unknown }>): Promise<IdempotentAnswer> {
    if (request.key.length > 255) throw new PharosError('request-invalid', 'An Idempotency-Key has at most 255 characters.')
    const bodySha256 = createHash('sha256').update(request.body).digest()
    if (!(await this.keys.begin(request, bodySha256, lifeMs, lockMs))) return this.replay(request, bodySha256)
    try {
      return await this.database.inTransaction(async (tx) => {
        const { status, body } = await work(tx)
        const answer = JSON.stringify(body)
        await this.keys.finish(tx, request, status, answer)
        return { status, answer, isReplayed: false }
      })
    } catch (error) {
      await this.keys.release(request)
      throw error
    }
  }

  private async replay(request: IdempotentRequest, bodySha256: Buffer): Promise<IdempotentAnswer> {
    const first = await this.keys.find(request)
    if (first !== null && !first.bodySha256.equals(bodySha256))
      throw new PharosError('idempotency-conflict', 'Use another Idempotency-Key for another request.')
    if (first === null || first.status === null || first.answer === null) {
      throw new PharosError('idempotency-in-flight', 'The first request with this key is still being answered.', { retryAfterMs: 1000 })
    }
    return { status: first.status, answer: first.answer, isReplayed: true }
  }
}
