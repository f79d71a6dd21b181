import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { readCredential } from './credential-header.js'

const token = `phr_abcdefghijkl_${'s'.repeat(43)}`
const sha256 = createHash('sha256').update(token).digest('hex')
const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`

describe('readCredential', () => {
  it.each([
    ['no header', undefined, { kind: 'none' }],
    ['a bearer token', `Bearer ${token}`, { kind: 'token', sha256 }],
    ['a bearer token in lower case', `bearer ${token}`, { kind: 'token', sha256 }],
    ['a token as basic password', basic(`x:${token}`), { kind: 'token', sha256 }],
    ['a name and a password with a colon', basic('ana:a:b'), { kind: 'basic', name: 'ana', password: 'a:b' }],
    ['another kind of token', 'Bearer eyJhbGciOi', { kind: 'unreadable' }],
    ['basic without a colon', basic('ana'), { kind: 'unreadable' }],
    ['another scheme', 'Digest username="ana"', { kind: 'unreadable' }],
  ])('reads %s', (_sentence, header, expected) => {
    expect(readCredential(header)).toMatchObject(expected)
  })

  it('does not repeat a token that it refuses', () => {
    expect(JSON.stringify(readCredential('Bearer secret-of-somebody'))).not.toContain('secret-of-somebody')
  })
})
