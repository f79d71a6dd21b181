import { describe, expect, it } from 'vitest'
import { hashPassword, isPasswordOf, nobodysHash } from './password-hash.js'

describe('password hash', () => {
  it('fits its password alone, and differs for the same password', async () => {
    const hash = await hashPassword('correct horse battery')
    expect(await isPasswordOf('correct horse battery', hash)).toBe(true)
    expect(await isPasswordOf('correct horse batterz', hash)).toBe(false)
    expect(await hashPassword('correct horse battery')).not.toBe(hash)
    expect(hash).toMatch(/^scrypt\$32768\$8\$1\$/)
    expect(hash).not.toContain('horse')
  })

  it('of nobody fits no password', async () => {
    expect(await isPasswordOf('', nobodysHash)).toBe(false)
  })
})
