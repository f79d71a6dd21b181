import { Injectable } from '@nestjs/common'
import { type Authenticate, AuthenticateResult } from '@pharos/contracts'
import { ServiceClient } from '@pharos/service-kit'

/** Asks results-service, which keeps tokens and users, who presents a credential. */
@Injectable()
export class PrincipalClient {
  constructor(private readonly results: ServiceClient) {}

  authenticate(credential: Authenticate): Promise<AuthenticateResult> {
    return this.results.request({ method: 'POST', path: '/internal/v1/authenticate', body: credential, schema: AuthenticateResult })
  }
}
