import { Injectable } from '@nestjs/common'
import { PharosError, type Principal, type PutRegistry, type Registry } from '@pharos/contracts'
import { AuditLog } from '../audit/audit-log.js'
import { decodeCursor, type Page, pageOfRows } from '../database/keyset.js'
import { Database } from '../database/transaction.js'
import { CredentialVault } from './credential-vault.js'
import { RegistriesRepository, type RegistryRow } from './registries.repository.js'

const list = { list: 'registries', sort: 'host' }

/** Registries: how to reach them and with which credential. Secrets go in and come out for attempts alone. */
@Injectable()
export class RegistriesService {
  constructor(
    private readonly database: Database,
    private readonly registries: RegistriesRepository,
    private readonly vault: CredentialVault,
    private readonly audit: AuditLog,
  ) {}

  async list(query: { limit: number; cursor?: string | undefined }): Promise<Page<Registry>> {
    const [after] = decodeCursor(list, query.cursor, ['text']) ?? ['']
    return pageOfRows(list, await this.registries.list(String(after), query.limit + 1), query.limit, (row) => [row.host], toRegistry)
  }

  async get(host: string): Promise<Registry> {
    return toRegistry(await this.existing(host))
  }

  /** Creates or replaces the settings; a credential left out is kept. */
  put(host: string, settings: PutRegistry, principal: Principal): Promise<Registry> {
    if (settings.host !== host) throw new PharosError('request-invalid', 'The host in the body must be that of the path.')
    const hasSecret = settings.password !== undefined || settings.identityToken !== undefined
    const sealed = hasSecret
      ? this.vault.seal(host, { password: settings.password ?? null, identityToken: settings.identityToken ?? null })
      : null
    return this.database.inTransaction(async (tx) => {
      const row = await this.registries.put(tx, settings, sealed)
      await this.audit.record(tx, principal, {
        action: 'registry.update',
        subject: host,
        detail: { credentialChanged: hasSecret, allowHttp: settings.allowHttp, allowInternal: settings.allowInternal },
      })
      return toRegistry(row ?? (await this.existing(host)))
    })
  }

  async remove(host: string, principal: Principal): Promise<void> {
    await this.database.inTransaction(async (tx) => {
      if ((await this.registries.remove(tx, host)) === 0) throw unknown(host)
      await this.audit.record(tx, principal, { action: 'registry.remove', subject: host })
    })
  }

  /** Encrypts every stored credential with the newest key; the older keys can go from the configuration then. */
  rotateKey(principal: Principal): Promise<{ reencrypted: number; keyId: string }> {
    const keyId = this.vault.newestKeyId
    return this.database.inTransaction(async (tx) => {
      let reencrypted = 0
      for (const row of await this.registries.lockSealedByOthers(tx, keyId)) {
        if (row.credential === null || row.keyId === null) continue
        await this.registries.reseal(
          tx,
          row.id,
          this.vault.seal(row.host, this.vault.open(row.host, { credential: row.credential, keyId: row.keyId })),
        )
        reencrypted += 1
      }
      await this.audit.record(tx, principal, { action: 'registry.rotate-key', subject: keyId, detail: { reencrypted } })
      return { reencrypted, keyId }
    })
  }

  private async existing(host: string): Promise<RegistryRow> {
    const row = await this.registries.find(host)
    if (row === null) throw unknown(host)
    return row
  }
}

function unknown(host: string): PharosError {
  return new PharosError('not-found', `No settings are stored for the registry ${host}.`)
}

function toRegistry(row: RegistryRow): Registry {
  return {
    id: row.id,
    host: row.host,
    ...(row.username === null ? {} : { username: row.username }),
    allowHttp: row.allowHttp,
    insecureSkipTlsVerify: row.insecureSkipTlsVerify,
    ...(row.caCertificate === null ? {} : { caCertificate: row.caCertificate }),
    allowInternal: row.allowInternal,
    mirrors: row.mirrors,
    tokenHosts: row.tokenHosts,
    maxConcurrent: row.maxConcurrent,
    hasCredential: row.credential !== null,
    keyId: row.keyId,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  }
}
