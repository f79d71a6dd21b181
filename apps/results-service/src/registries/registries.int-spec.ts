import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { admin, type ResultsApp, startResultsApp } from '../__tests__/results-app.js'
import type { ResultsConfiguration } from '../configuration.js'
import { AuditLog } from '../audit/audit-log.js'
import { Database } from '../database/transaction.js'
import { CredentialVault, readEncryptionKeys } from './credential-vault.js'
import { RegistriesRepository } from './registries.repository.js'
import { RegistriesService } from './registries.service.js'

let app: ResultsApp
beforeAll(async () => {
  app = await startResultsApp()
})
afterAll(() => app.close())

const keys = { k1: Buffer.alloc(32, 1).toString('base64'), k2: Buffer.alloc(32, 2).toString('base64') }
const put = (host: string, settings: object) =>
  app.request({ principal: admin, method: 'PUT', url: `/api/v1/registries/${host}`, payload: { host, ...settings } })
const vaultOf = (encryptionKeys: string) => new CredentialVault({ access: { encryptionKeys } } as ResultsConfiguration)

describe('registries', () => {
  it('keep a credential that no answer, row or audit entry shows, and give it to the attempt of that registry alone', async () => {
    const stored = await put('registry.example:5000', {
      username: 'pharos',
      password: 'very-secret-word',
      maxConcurrent: 3,
      allowHttp: true,
    })
    expect(stored).toMatchObject({
      status: 200,
      body: { host: 'registry.example:5000', username: 'pharos', hasCredential: true, keyId: 'k1', maxConcurrent: 3 },
    })
    const shown = [
      stored,
      await app.request({ principal: admin, method: 'GET', url: '/api/v1/registries' }),
      await app.request({ principal: admin, method: 'GET', url: '/api/v1/audit?action=registry.update' }),
    ]
    expect(JSON.stringify(shown)).not.toContain('very-secret-word')
    const rows = await app.query<{ text: string }>(`select encode(credential, 'escape') as text from registry`)
    expect(rows[0]?.text).not.toContain('very-secret-word')
    const own = await app.claimed(await app.submit('registry.example:5000/team/shop:1'))
    expect(own.registry).toMatchObject({
      host: 'registry.example:5000',
      allowHttp: true,
      maxConcurrent: 3,
      credential: { username: 'pharos', password: 'very-secret-word', identityToken: null },
    })
    const other = await app.claimed(await app.submit('other.example/team/shop:1'))
    expect(other.registry).toMatchObject({ host: 'other.example', credential: null })
    expect(JSON.stringify(await app.jobs('scan-interactive'))).not.toContain('very-secret-word')
  })

  it('keep a credential that a new setting leaves out', async () => {
    await put('keep.example', { username: 'u', password: 'p' })
    expect(await put('keep.example', { maxConcurrent: 2 })).toMatchObject({
      body: { hasCredential: true, username: 'u', maxConcurrent: 2 },
    })
  })

  it('answer 404 for a host without settings, and 400 for a body of another host', async () => {
    expect(await app.request({ principal: admin, method: 'GET', url: '/api/v1/registries/nowhere.example' })).toMatchObject({
      status: 404,
      body: { code: 'not-found' },
    })
    expect(
      await app.request({ principal: admin, method: 'PUT', url: '/api/v1/registries/a.example', payload: { host: 'b.example' } }),
    ).toMatchObject({ status: 400 })
  })

  it('move to a new key by rotation, after which the old one can go', async () => {
    await put('rotate.example', { username: 'u', password: 'rotated-word' })
    const database = app.get(Database)
    const repository = app.get(RegistriesRepository)
    const rotating = new RegistriesService(database, repository, vaultOf(`k2=${keys.k2},k1=${keys.k1}`), app.get(AuditLog))
    const count = (await app.query('select 1 from registry where key_id = $1', ['k1'])).length
    expect(await rotating.rotateKey(admin)).toEqual({ reencrypted: count, keyId: 'k2' })
    expect(await rotating.rotateKey(admin)).toEqual({ reencrypted: 0, keyId: 'k2' })
    const row = await repository.find('rotate.example')
    expect(vaultOf(`k2=${keys.k2}`).open('rotate.example', { keyId: 'k2', credential: row!.credential! })).toEqual({
      password: 'rotated-word',
      identityToken: null,
    })
  })

  it('fail the task, with the reason, whose credential cannot be opened', async () => {
    await put('lost.example', { username: 'u', password: 'p' })
    await app.query(`update registry set key_id = 'k9' where host = 'lost.example'`)
    const task = await app.submit('lost.example/a:1')
    expect(await app.claim(task)).toEqual({ outcome: 'dropped', reason: 'task-ended' })
    expect(await app.task(task.id)).toMatchObject({ state: 'failed', failure: { code: 'registry-credential-unavailable' } })
  })
})

describe('the vault', () => {
  it('opens no row that was copied to another host or changed', () => {
    const vault = vaultOf(`k1=${keys.k1}`)
    const sealed = vault.seal('a.example', { password: 'p', identityToken: null })
    expect(() => vault.open('b.example', sealed)).toThrow(expect.objectContaining({ code: 'registry-credential-unavailable' }))
    const changed = Buffer.from(sealed.credential)
    changed[changed.length - 1] = changed[changed.length - 1]! ^ 1
    expect(() => vault.open('a.example', { ...sealed, credential: changed })).toThrow(
      expect.objectContaining({ code: 'registry-credential-unavailable' }),
    )
  })

  it.each([['nothing'], ['k1=short'], [`=${keys.k1}`], [`k1=${keys.k1},k1=${keys.k2}`]])('takes no keys like %j', (text) => {
    expect(() => readEncryptionKeys(text)).toThrow('--encryption-keys')
  })
})
