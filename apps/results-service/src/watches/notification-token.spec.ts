import { describe, expect, it } from 'vitest'
import { notificationToken } from './notification-token.js'

describe('notificationToken', () => {
  it.each<[string, string | undefined, string | null]>([
    ['a bearer token', 'Bearer abc', 'abc'],
    ['the token alone', 'abc', 'abc'],
    ['the password of basic', `Basic ${Buffer.from('x:a:b').toString('base64')}`, 'a:b'],
    ['another scheme', 'Digest abc', null],
    ['no header', undefined, null],
    ['an empty header', '', null],
  ])('reads %s', (_what, header, token) => {
    expect(notificationToken(header)).toBe(token)
  })
})
