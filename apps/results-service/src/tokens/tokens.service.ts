import { Injectable, type OnApplicationBootstrap } from '@nestjs/common'
import { type CreatedToken, type CreateToken, hasRole, PharosError, type Principal, type Token } from '@pharos/contracts'
import { InjectConfiguration } from '@pharos/service-kit'
import { isWithinScope } from '../access/repository-scope.js'
import { AuditLog } from '../audit/audit-log.js'
import type { ResultsConfiguration } from '../configuration.js'
import { decodeCursor, type Page, pageOfRows } from '../database/keyset.js'
import { Database } from '../database/transaction.js'
import { hashOfToken, idOfToken, newToken } from './token-text.js'
import { type TokenRow, TokensRepository } from './tokens.repository.js'

/** API tokens: made and revoked by their owners, all of them by an admin. */
@Injectable()
export class TokensService implements OnApplicationBootstrap {
  constructor(
    private readonly database: Database,
    private readonly tokens: TokensRepository,
    private readonly audit: AuditLog,
    @InjectConfiguration() private readonly configuration: ResultsConfiguration,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    const { bootstrapAdminToken } = this.configuration.access
    if (bootstrapAdminToken !== undefined) await this.tokens.putBootstrap(idOfToken(bootstrapAdminToken), hashOfToken(bootstrapAdminToken))
  }

  async list(query: { limit: number; cursor?: string | undefined }, principal: Principal): Promise<Page<Token>> {
    const createdBy = ownerFilter(principal)
    const list = { list: 'tokens', sort: createdBy ?? 'all' }
    const [after] = decodeCursor(list, query.cursor, ['text']) ?? ['']
    return pageOfRows(
      list,
      await this.tokens.list({ createdBy, after: String(after), limit: query.limit + 1 }),
      query.limit,
      (row) => [row.id],
      toToken,
    )
  }

  /** The token's text is in the answer and nowhere else. */
  async create(request: CreateToken, principal: Principal): Promise<CreatedToken> {
    const tooHigh = request.roles.filter((role) => !hasRole(principal.roles, role))
    if (tooHigh.length > 0)
      throw new PharosError('forbidden', `You cannot give away the role ${tooHigh.join(', ')}, which you do not have.`)
    const repositories = request.repositories ?? principal.scope.repositories
    if (!isWithinScope(principal.scope.repositories, repositories))
      throw new PharosError('forbidden', 'You cannot give away repositories that you do not see.')
    const { id, token, sha256 } = newToken()
    return this.database.inTransaction(async (tx) => {
      const row = await this.tokens.insert(tx, {
        id,
        name: request.name,
        sha256,
        roles: request.roles,
        repositories,
        createdBy: principal.id,
        expiresInDays: request.expiresInDays,
      })
      if (row === null) throw new PharosError('internal-error', 'The token was not stored.')
      await this.audit.record(tx, principal, {
        action: 'token.create',
        subject: id,
        detail: { name: request.name, roles: request.roles, repositories },
      })
      return { ...toToken(row), token }
    })
  }

  async revoke(id: string, principal: Principal): Promise<void> {
    await this.database.inTransaction(async (tx) => {
      if ((await this.tokens.revoke(tx, id, ownerFilter(principal))) === 0)
        throw new PharosError('not-found', 'There is no such token, or it is not yours.')
      await this.audit.record(tx, principal, { action: 'token.revoke', subject: id })
    })
  }
}

function ownerFilter(principal: Principal): string | null {
  return hasRole(principal.roles, 'admin') ? null : principal.id
}

function toToken(row: TokenRow): Token {
  return {
    id: row.id,
    name: row.name,
    roles: row.roles,
    scope: { repositories: row.repositories },
    createdAt: row.createdAt.toISOString(),
    createdBy: row.createdBy,
    expiresAt: row.expiresAt?.toISOString() ?? null,
    lastUsedAt: row.lastUsedAt?.toISOString() ?? null,
    revokedAt: row.revokedAt?.toISOString() ?? null,
  }
}
