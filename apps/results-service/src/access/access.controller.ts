import { Controller, HttpCode, Post } from '@nestjs/common'
import { Authenticate, type AuthenticateResult } from '@pharos/contracts'
import { ForServices, ValidBody } from '@pharos/service-kit'
import { TokenVerification } from '../tokens/token-verification.js'
import { PasswordVerification } from '../users/password-verification.js'

/** Tells the gateway who a caller is. */
@Controller('internal/v1/authenticate')
@ForServices('api-gateway')
export class AccessController {
  constructor(
    private readonly tokens: TokenVerification,
    private readonly passwords: PasswordVerification,
  ) {}

  @Post()
  @HttpCode(200)
  authenticate(@ValidBody(Authenticate) body: Authenticate): Promise<AuthenticateResult> {
    return body.kind === 'token' ? this.tokens.verify(body.sha256) : this.passwords.verify(body.name, body.password)
  }
}
