import { Injectable } from '@nestjs/common'
import type { PutRegistry } from '@pharos/contracts'
import { newId } from '../database/identifier.js'
import { affected, oneRow, rows, type SqlRunner } from '../database/sql.js'
import { Database, type Transaction } from '../database/transaction.js'
import type { SealedSecret } from './credential-vault.js'

/** A registry as it is stored. */
export interface RegistryRow {
  readonly id: string
  readonly host: string
  readonly username: string | null
  readonly allowHttp: boolean
  readonly insecureSkipTlsVerify: boolean
  readonly caCertificate: string | null
  readonly allowInternal: boolean
  readonly mirrors: string[]
  readonly tokenHosts: string[]
  readonly maxConcurrent: number
  readonly credential: Buffer | null
  readonly keyId: string | null
  readonly createdAt: Date
  readonly updatedAt: Date
}

const columns = `id, host, username, allow_http as "allowHttp", insecure_skip_tls_verify as "insecureSkipTlsVerify", ca_certificate as "caCertificate",
  allow_internal as "allowInternal", mirrors, token_hosts as "tokenHosts", max_concurrent as "maxConcurrent", credential, key_id as "keyId",
  created_at as "createdAt", updated_at as "updatedAt"`

@Injectable()
export class RegistriesRepository {
  constructor(private readonly database: Database) {}

  find(host: string, runner: SqlRunner = this.database.runner): Promise<RegistryRow | null> {
    return oneRow(runner, `select ${columns} from registry where host = $1`, [host])
  }

  list(after: string, limit: number): Promise<RegistryRow[]> {
    return rows(this.database.runner, `select ${columns} from registry where host > $1 order by host limit $2`, [after, limit])
  }

  /** Creates or replaces the settings; a sealed secret that is null keeps the stored one. */
  async put(tx: Transaction, settings: PutRegistry, sealed: SealedSecret | null): Promise<RegistryRow | null> {
    return oneRow(
      tx,
      `insert into registry as r (id, host, username, allow_http, insecure_skip_tls_verify, ca_certificate, allow_internal, mirrors, token_hosts, max_concurrent, credential, key_id)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
       on conflict (host) do update set username = coalesce(excluded.username, case when excluded.credential is null then r.username end), allow_http = excluded.allow_http,
         insecure_skip_tls_verify = excluded.insecure_skip_tls_verify, ca_certificate = excluded.ca_certificate, allow_internal = excluded.allow_internal,
         mirrors = excluded.mirrors, token_hosts = excluded.token_hosts, max_concurrent = excluded.max_concurrent,
         credential = coalesce(excluded.credential, r.credential), key_id = coalesce(excluded.key_id, r.key_id), updated_at = now()
       returning ${columns}`,
      [
        newId(),
        settings.host,
        settings.username ?? null,
        settings.allowHttp,
        settings.insecureSkipTlsVerify,
        settings.caCertificate ?? null,
        settings.allowInternal,
        settings.mirrors,
        settings.tokenHosts,
        settings.maxConcurrent,
        sealed?.credential ?? null,
        sealed?.keyId ?? null,
      ],
    )
  }

  remove(tx: Transaction, host: string): Promise<number> {
    return affected(tx, 'delete from registry where host = $1', [host])
  }

  /** Registries whose secret another key encrypted, locked. */
  lockSealedByOthers(tx: Transaction, keyId: string): Promise<RegistryRow[]> {
    return rows(tx, `select ${columns} from registry where key_id is not null and key_id <> $1 order by host for update`, [keyId])
  }

  async reseal(tx: Transaction, id: string, sealed: SealedSecret): Promise<void> {
    await tx.query('update registry set credential = $2, key_id = $3 where id = $1', [id, sealed.credential, sealed.keyId])
  }
}
