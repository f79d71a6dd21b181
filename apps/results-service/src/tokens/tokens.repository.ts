import { Injectable } from '@nestjs/common'
import type { Role } from '@pharos/contracts'
import { affected, oneRow, rows } from '../database/sql.js'
import { Database, type Transaction } from '../database/transaction.js'

/** A token as it is stored. */
export interface TokenRow {
  readonly id: string
  readonly name: string
  readonly roles: Role[]
  readonly repositories: string[] | null
  readonly createdAt: Date
  readonly createdBy: string
  readonly expiresAt: Date | null
  readonly lastUsedAt: Date | null
  readonly revokedAt: Date | null
}

/** What a new token is made of. */
export interface TokenRecord {
  readonly id: string
  readonly name: string
  readonly sha256: Buffer
  readonly roles: readonly Role[]
  readonly repositories: readonly string[] | null
  readonly createdBy: string
  readonly expiresInDays: number
}

const columns = `id, name, roles, repositories, created_at as "createdAt", created_by as "createdBy", expires_at as "expiresAt", last_used_at as "lastUsedAt", revoked_at as "revokedAt"`

@Injectable()
export class TokensRepository {
  constructor(private readonly database: Database) {}

  /** A token that may be used now. */
  findUsable(sha256: Buffer): Promise<TokenRow | null> {
    return oneRow(
      this.database.runner,
      `select ${columns} from api_token where sha256 = $1 and revoked_at is null and (expires_at is null or expires_at > now())`,
      [sha256],
    )
  }

  /** Notes a use, at most once a minute. */
  async noteUse(id: string): Promise<void> {
    await this.database.runner.query(
      `update api_token set last_used_at = now() where id = $1 and (last_used_at is null or last_used_at < now() - interval '1 minute')`,
      [id],
    )
  }

  async insert(tx: Transaction, token: TokenRecord): Promise<TokenRow | null> {
    return oneRow(
      tx,
      `insert into api_token (id, name, sha256, roles, repositories, created_by, expires_at) values ($1, $2, $3, $4, $5, $6, now() + $7 * interval '1 day') returning ${columns}`,
      [token.id, token.name, token.sha256, token.roles, token.repositories, token.createdBy, token.expiresInDays],
    )
  }

  /** Stores the token of the configuration: an admin without end, the only one of this name. */
  async putBootstrap(id: string, sha256: Buffer): Promise<void> {
    await this.database.inTransaction(async (tx) => {
      await tx.query(
        `update api_token set revoked_at = now() where created_by = 'service:configuration' and id <> $1 and revoked_at is null`,
        [id],
      )
      await tx.query(
        `insert into api_token (id, name, sha256, roles, created_by) values ($1, 'bootstrap', $2, '{admin}', 'service:configuration')
         on conflict (id) do update set sha256 = excluded.sha256, roles = excluded.roles, repositories = null, revoked_at = null, expires_at = null`,
        [id, sha256],
      )
    })
  }

  list(filter: { createdBy: string | null; after: string; limit: number }): Promise<TokenRow[]> {
    return rows(
      this.database.runner,
      `select ${columns} from api_token where ($1::text is null or created_by = $1) and id > $2 order by id limit $3`,
      [filter.createdBy, filter.after, filter.limit],
    )
  }

  revoke(tx: Transaction, id: string, createdBy: string | null): Promise<number> {
    return affected(
      tx,
      'update api_token set revoked_at = coalesce(revoked_at, now()) where id = $1 and ($2::text is null or created_by = $2)',
      [id, createdBy],
    )
  }
}
