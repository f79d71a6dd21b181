import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { Injectable } from '@nestjs/common'
import { PharosError } from '@pharos/contracts'
import { InjectConfiguration } from '@pharos/service-kit'
import { z } from 'zod'
import type { ResultsConfiguration } from '../configuration.js'

/** The secret part of a registry's access. */
export const StoredSecret = z.object({ password: z.string().nullable(), identityToken: z.string().nullable() })
export type StoredSecret = z.infer<typeof StoredSecret>

/** An encrypted secret and the key that it needs. */
export interface SealedSecret {
  readonly keyId: string
  readonly credential: Buffer
}

const keyBytes = 32
const nonceBytes = 12
const tagBytes = 16

/** Reads `k2=<base64>,k1=<base64>`; the first key is the newest. Throws with the id of a key that is wrong, never with the key. */
export function readEncryptionKeys(text: string): ReadonlyMap<string, Buffer> {
  const keys = new Map<string, Buffer>()
  for (const part of text.split(',')) {
    const at = part.indexOf('=')
    const id = part.slice(0, at).trim()
    const key = Buffer.from(part.slice(at + 1), 'base64')
    if (at < 1 || !/^[\w.-]{1,64}$/.test(id)) throw new Error('--encryption-keys must be id=base64 pairs separated by commas')
    if (key.length !== keyBytes) throw new Error(`--encryption-keys: the key ${id} must be the base64 of ${keyBytes} bytes`)
    if (keys.has(id)) throw new Error(`--encryption-keys names ${id} twice`)
    keys.set(id, key)
  }
  return keys
}

/** Encrypts registry secrets with AES-256-GCM, bound to their host: a row copied to another host does not open. */
@Injectable()
export class CredentialVault {
  private readonly keys: ReadonlyMap<string, Buffer>
  readonly newestKeyId: string

  constructor(@InjectConfiguration() configuration: ResultsConfiguration) {
    this.keys = readEncryptionKeys(configuration.access.encryptionKeys)
    this.newestKeyId = [...this.keys.keys()][0] ?? ''
  }

  /** Layout: nonce (12 bytes), tag (16 bytes), ciphertext. */
  seal(host: string, secret: StoredSecret): SealedSecret {
    const nonce = randomBytes(nonceBytes)
    const cipher = createCipheriv('aes-256-gcm', this.keyOf(this.newestKeyId, host), nonce)
    cipher.setAAD(boundTo(host))
    const text = Buffer.concat([cipher.update(JSON.stringify(secret), 'utf8'), cipher.final()])
    return { keyId: this.newestKeyId, credential: Buffer.concat([nonce, cipher.getAuthTag(), text]) }
  }

  /** Throws `registry-credential-unavailable` when the key is gone or the row was changed. */
  open(host: string, sealed: SealedSecret): StoredSecret {
    const key = this.keyOf(sealed.keyId, host)
    try {
      const decipher = createDecipheriv('aes-256-gcm', key, sealed.credential.subarray(0, nonceBytes))
      decipher.setAAD(boundTo(host))
      decipher.setAuthTag(sealed.credential.subarray(nonceBytes, nonceBytes + tagBytes))
      const text = Buffer.concat([decipher.update(sealed.credential.subarray(nonceBytes + tagBytes)), decipher.final()])
      return StoredSecret.parse(JSON.parse(text.toString('utf8')))
    } catch (error) {
      throw new PharosError('registry-credential-unavailable', `The stored credential of ${host} cannot be decrypted; store it again.`, {
        cause: error,
      })
    }
  }

  private keyOf(keyId: string, host: string): Buffer {
    const key = this.keys.get(keyId)
    if (key === undefined)
      throw new PharosError(
        'registry-credential-unavailable',
        `The credential of ${host} needs the encryption key ${keyId}, which is not configured.`,
      )
    return key
  }
}

function boundTo(host: string): Buffer {
  return Buffer.from(`registry:${host}`)
}
