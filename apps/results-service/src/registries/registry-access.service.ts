import { Injectable } from '@nestjs/common'
import type { RegistryAccess } from '@pharos/contracts'
import type { Transaction } from '../database/transaction.js'
import { CredentialVault } from './credential-vault.js'
import { RegistriesRepository } from './registries.repository.js'

/** Access to a registry for the one attempt or watch that needs it. */
@Injectable()
export class RegistryAccessService {
  constructor(
    private readonly registries: RegistriesRepository,
    private readonly vault: CredentialVault,
  ) {}

  /** Settings and credential of a host; anonymous access with the defaults for one that is not configured. */
  async accessTo(tx: Transaction, host: string): Promise<RegistryAccess> {
    const row = await this.registries.find(host, tx)
    if (row === null) {
      return {
        host,
        allowHttp: false,
        insecureSkipTlsVerify: false,
        caCertificate: null,
        allowInternal: false,
        mirrors: [],
        tokenHosts: [],
        maxConcurrent: 8,
        credential: null,
      }
    }
    const secret =
      row.credential === null || row.keyId === null ? null : this.vault.open(host, { credential: row.credential, keyId: row.keyId })
    return {
      host,
      allowHttp: row.allowHttp,
      insecureSkipTlsVerify: row.insecureSkipTlsVerify,
      caCertificate: row.caCertificate,
      allowInternal: row.allowInternal,
      mirrors: row.mirrors,
      tokenHosts: row.tokenHosts,
      maxConcurrent: row.maxConcurrent,
      credential: secret === null ? null : { username: row.username, password: secret.password, identityToken: secret.identityToken },
    }
  }
}
