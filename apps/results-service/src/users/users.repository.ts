import { Injectable } from '@nestjs/common'
import type { Role } from '@pharos/contracts'
import { affected, oneRow, rows } from '../database/sql.js'
import { Database, type Transaction } from '../database/transaction.js'

/** A user as it is stored. */
export interface UserRow {
  readonly name: string
  readonly passwordHash: string
  readonly roles: Role[]
  readonly repositories: string[] | null
  readonly createdAt: Date
  readonly disabledAt: Date | null
}

const columns = 'name, password_hash as "passwordHash", roles, repositories, created_at as "createdAt", disabled_at as "disabledAt"'

@Injectable()
export class UsersRepository {
  constructor(private readonly database: Database) {}

  find(name: string): Promise<UserRow | null> {
    return oneRow(this.database.runner, `select ${columns} from app_user where name = $1`, [name])
  }

  list(after: string, limit: number): Promise<UserRow[]> {
    return rows(this.database.runner, `select ${columns} from app_user where name > $1 order by name limit $2`, [after, limit])
  }

  /** null when the name is taken. */
  insert(
    tx: Transaction,
    user: { name: string; passwordHash: string; roles: readonly Role[]; repositories: readonly string[] | null },
  ): Promise<UserRow | null> {
    return oneRow(
      tx,
      `insert into app_user (name, password_hash, roles, repositories) values ($1, $2, $3, $4) on conflict (name) do nothing returning ${columns}`,
      [user.name, user.passwordHash, user.roles, user.repositories],
    )
  }

  remove(tx: Transaction, name: string): Promise<number> {
    return affected(tx, 'delete from app_user where name = $1', [name])
  }

  /** A removed user's tokens end with him. */
  async revokeTokensOf(tx: Transaction, name: string): Promise<void> {
    await tx.query('update api_token set revoked_at = coalesce(revoked_at, now()) where created_by = $1', [`user:${name}`])
  }
}
