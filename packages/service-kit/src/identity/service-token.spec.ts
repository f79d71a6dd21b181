import jwt from 'jsonwebtoken'
import { describe, expect, it } from 'vitest'
import { FakeClock } from '../clock/fake-clock.js'
import { SERVICE_TOKEN_AUDIENCE, ServiceTokenClaims, ServiceTokenSigner, unverifiedKeyId } from './service-token.js'

const key = 'k'.repeat(32)
const ana = { id: 'user:ana', name: 'Ana', kind: 'user' as const, roles: ['viewer' as const], scope: { repositories: ['r/*'] } }

describe('ServiceTokenSigner', () => {
  it('signs a token of one minute that names the service and the principal', () => {
    const clock = new FakeClock('2026-11-24T08:00:00Z')
    const token = new ServiceTokenSigner('scheduler', key, clock).sign(ana)
    const claims = ServiceTokenClaims.parse(jwt.verify(token, key, { algorithms: ['HS256'], clockTimestamp: clock.nowMs() / 1000 }))
    expect(claims).toEqual({ iss: 'scheduler', aud: SERVICE_TOKEN_AUDIENCE, exp: clock.nowMs() / 1000 + 60, principal: ana })
    expect(unverifiedKeyId(token)).toBe('scheduler')
    expect(() => jwt.verify(token, key, { clockTimestamp: clock.nowMs() / 1000 + 61 })).toThrow('expired')
  })

  it('keeps a token while it has 20 seconds left, for each principal its own', async () => {
    const clock = new FakeClock()
    const signer = new ServiceTokenSigner('scheduler', key, clock)
    const own = signer.sign()
    expect(signer.sign(ana)).not.toBe(own)
    await clock.advance(39_000)
    expect(signer.sign()).toBe(own)
    await clock.advance(1000)
    expect(signer.sign()).not.toBe(own)
  })
})

describe('unverifiedKeyId', () => {
  it.each(['', 'abc', 'a.b.c'])('finds nothing in "%s"', (token) => {
    expect(unverifiedKeyId(token)).toBeUndefined()
  })
})
