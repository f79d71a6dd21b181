import { describe, expect, it } from 'vitest'
import { FakeClock } from '../clock/fake-clock.js'
import { VerifiedTokens } from './verified-tokens.js'

const caller = { service: 'scheduler' }
const start = new Date('2026-01-01T00:00:00.000Z')
const inSeconds = (seconds: number): number => start.getTime() / 1000 + seconds

describe('verified tokens', () => {
  it('are known until the second in which they expire', async () => {
    const clock = new FakeClock(start)
    const tokens = new VerifiedTokens(clock)
    tokens.keep('a.b.c', caller, inSeconds(60))
    await clock.advance(59_999)
    expect(tokens.find('a.b.c')).toBe(caller)
    await clock.advance(1)
    expect(tokens.find('a.b.c')).toBeUndefined()
  })

  it('are known by all of their characters', () => {
    const tokens = new VerifiedTokens(new FakeClock(start))
    tokens.keep('a.b.c', caller, inSeconds(60))
    expect(tokens.find('a.b.d')).toBeUndefined()
    expect(tokens.find('a.b')).toBeUndefined()
  })

  it('are forgotten from the oldest on when there are too many', () => {
    const tokens = new VerifiedTokens(new FakeClock(start))
    for (let index = 0; index <= 1000; index += 1) tokens.keep(`t${index}`, caller, inSeconds(60))
    expect(tokens.find('t0')).toBeUndefined()
    expect(tokens.find('t1')).toBe(caller)
    expect(tokens.find('t1000')).toBe(caller)
  })
})
