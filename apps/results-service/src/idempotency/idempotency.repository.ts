import { Injectable } from '@nestjs/common'
import { oneRow } from '../database/sql.js'
import { Database, type Transaction } from '../database/transaction.js'

/** Whose key it is, and for what. */
export interface IdempotencyScope {
  readonly principal: string
  readonly route: string
  readonly key: string
}

/** What is stored of a key. */
export interface IdempotencyRow {
  readonly bodySha256: Buffer
  /** null while the first request is answered. */
  readonly status: number | null
  readonly answer: string | null
}

@Injectable()
export class IdempotencyRepository {
  constructor(private readonly database: Database) {}

  /** Takes the key. False when somebody else has it: answered, or being answered by a request that is not yet given up. */
  async begin({ principal, route, key }: IdempotencyScope, bodySha256: Buffer, lifeMs: number, lockMs: number): Promise<boolean> {
    const taken = await oneRow(
      this.database.runner,
      `insert into idempotency_key as k (principal, route, key, body_sha256, locked_until) values ($1, $2, $3, $4, now() + $6 * interval '1 ms')
       on conflict (principal, route, key) do update
         set body_sha256 = excluded.body_sha256, status = null, answer = null, locked_until = excluded.locked_until, created_at = now()
         where k.created_at < now() - $5 * interval '1 ms' or (k.status is null and k.locked_until < now())
       returning 1 as taken`,
      [principal, route, key, bodySha256, lifeMs, lockMs],
    )
    return taken !== null
  }

  find({ principal, route, key }: IdempotencyScope): Promise<IdempotencyRow | null> {
    return oneRow(
      this.database.runner,
      'select body_sha256 as "bodySha256", status, answer from idempotency_key where principal = $1 and route = $2 and key = $3',
      [principal, route, key],
    )
  }

  async finish(tx: Transaction, { principal, route, key }: IdempotencyScope, status: number, answer: string): Promise<void> {
    await tx.query('update idempotency_key set status = $4, answer = $5 where principal = $1 and route = $2 and key = $3', [
      principal,
      route,
      key,
      status,
      answer,
    ])
  }

  /** Gives the key back: the request failed, and may be sent again. */
  async release({ principal, route, key }: IdempotencyScope): Promise<void> {
    await this.database.runner.query('delete from idempotency_key where principal = $1 and route = $2 and key = $3 and status is null', [
      principal,
      route,
      key,
    ])
  }
}
