import { describe, expect, it } from 'vitest'
import { isSecretField, REDACTED, redact, redactText } from './redact.js'

describe('isSecretField', () => {
  it.each([
    'authorization',
    'Authorization',
    'proxy-authorization',
    'password',
    'registryPassword',
    'token',
    'x-pharos-attempt-token',
    'attemptToken',
    'access_token',
    'secret',
    'client_secret',
    'credential',
    'credentials',
    'registryCredential',
    'cookie',
    'set-cookie',
    'apiKey',
    'api-key',
    'serviceKey',
    'PHAROS_SERVICE_KEYS',
    'privateKey',
    'encryption_key',
    'auth',
    'jwt',
  ])('hides %s', (name) => {
    expect(isSecretField(name)).toBe(true)
  })
  it.each(['name', 'image', 'digest', 'tokenId', 'tokens', 'author', 'key', 'cursor', 'taskId', 'passwordless'])('shows %s', (name) => {
    expect(isSecretField(name)).toBe(false)
  })
})

describe('redactText', () => {
  it.each([
    ['redis://user:hunter2@host:6379/0', `redis://${REDACTED}@host:6379/0`],
    ['connect to postgres://u:p%40@h/d failed', `connect to postgres://${REDACTED}@h/d failed`],
    ['Authorization: Bearer abcdefgh.ijkl.mnop', `Authorization: Bearer ${REDACTED}`],
    ['basic dXNlcjpwYXNz', `basic ${REDACTED}`],
    [`token phr_a1B2c3D4e5F6_${'x'.repeat(43)} refused`, `token ${REDACTED} refused`],
    ['docker.io/library/alpine@sha256:abc', 'docker.io/library/alpine@sha256:abc'],
    ['https://registry.example/v2/a/b', 'https://registry.example/v2/a/b'],
  ])('makes of "%s"', (given, expected) => {
    expect(redactText(given)).toBe(expected)
  })
})

describe('redact', () => {
  it('goes through objects, arrays, maps and errors', () => {
    const error = Object.assign(new Error('login with redis://a:hunter2@h failed', { cause: { password: 'hunter2' } }), {
      code: 'ECONNREFUSED',
      config: { headers: { authorization: 'hunter2' } },
    })
    const redacted = redact({ a: [{ token: 'hunter2', id: 1 }], m: new Map([['cookie', 'hunter2']]), error, n: 1n, none: null })
    expect(JSON.stringify(redacted)).not.toContain('hunter2')
    expect(redacted).toMatchObject({
      a: [{ token: REDACTED, id: 1 }],
      m: { cookie: REDACTED },
      error: { type: 'Error', code: 'ECONNREFUSED', cause: { password: REDACTED } },
      n: '1',
      none: null,
    })
  })

  it('survives cycles, depth and bytes', () => {
    const cyclic: Record<string, unknown> = { bytes: new Uint8Array(3) }
    cyclic['self'] = cyclic
    expect(redact(cyclic)).toEqual({ bytes: '[3 bytes]', self: '[circular]' })
    let deep: unknown = 'end'
    for (let level = 0; level < 20; level += 1) deep = { deep }
    expect(JSON.stringify(redact(deep))).toContain('[deep]')
  })

  it('does not change what it is given', () => {
    const given = { token: 'x' }
    redact(given)
    expect(given).toEqual({ token: 'x' })
  })
})
