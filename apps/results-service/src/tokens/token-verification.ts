import { Injectable } from '@nestjs/common'
import type { AuthenticateResult } from '@pharos/contracts'
import { TokensRepository } from './tokens.repository.js'

/** Finds who a token belongs to, by the SHA-256 of its text. */
@Injectable()
export class TokenVerification {
  constructor(private readonly tokens: TokensRepository) {}

  async verify(sha256: string): Promise<AuthenticateResult> {
    const row = await this.tokens.findUsable(Buffer.from(sha256, 'hex'))
    if (row === null) return { principal: null, expiresAt: null }
    await this.tokens.noteUse(row.id)
    return {
      principal: { id: `token:${row.id}`, name: row.name, kind: 'token', roles: row.roles, scope: { repositories: row.repositories } },
      expiresAt: row.expiresAt?.toISOString() ?? null,
    }
  }
}
