import { Injectable } from '@nestjs/common'
import { type CreateUser, PharosError, type Principal, type User } from '@pharos/contracts'
import { AuditLog } from '../audit/audit-log.js'
import { decodeCursor, type Page, pageOfRows } from '../database/keyset.js'
import { Database } from '../database/transaction.js'
import { hashPassword } from './password-hash.js'
import { type UserRow, UsersRepository } from './users.repository.js'

const list = { list: 'users', sort: 'name' }

/** People who sign in with a password. */
@Injectable()
export class UsersService {
  constructor(
    private readonly database: Database,
    private readonly users: UsersRepository,
    private readonly audit: AuditLog,
  ) {}

  async list(query: { limit: number; cursor?: string | undefined }): Promise<Page<User>> {
    const [after] = decodeCursor(list, query.cursor, ['text']) ?? ['']
    return pageOfRows(list, await this.users.list(String(after), query.limit + 1), query.limit, (row) => [row.name], toUser)
  }

  async create(request: CreateUser, principal: Principal): Promise<User> {
    const passwordHash = await hashPassword(request.password)
    return this.database.inTransaction(async (tx) => {
      const row = await this.users.insert(tx, {
        name: request.name,
        passwordHash,
        roles: request.roles,
        repositories: request.repositories,
      })
      if (row === null) throw new PharosError('conflict', `There is a user ${request.name} already.`)
      await this.audit.record(tx, principal, {
        action: 'user.create',
        subject: request.name,
        detail: { roles: request.roles, repositories: request.repositories },
      })
      return toUser(row)
    })
  }

  async remove(name: string, principal: Principal): Promise<void> {
    await this.database.inTransaction(async (tx) => {
      if ((await this.users.remove(tx, name)) === 0) throw new PharosError('not-found', `There is no user ${name}.`)
      await this.users.revokeTokensOf(tx, name)
      await this.audit.record(tx, principal, { action: 'user.remove', subject: name })
    })
  }
}

function toUser(row: UserRow): User {
  return {
    name: row.name,
    roles: row.roles,
    scope: { repositories: row.repositories },
    createdAt: row.createdAt.toISOString(),
    disabledAt: row.disabledAt?.toISOString() ?? null,
  }
}
