import { describe, expect, it } from 'vitest'
import { byteSize, durationMs, httpUrl, list, pairs, postgresUrl, redisUrl } from './value-types.js'

describe('durationMs', () => {
  it.each([
    ['500ms', 500],
    ['30s', 30_000],
    ['15m', 900_000],
    ['1h30m', 5_400_000],
    ['7d', 604_800_000],
    ['1.5s', 1500],
    ['250', 250],
    ['0', 0],
  ])('reads %s as %d ms', (given, expected) => {
    expect(durationMs().parse(given)).toBe(expected)
  })
  it.each(['', '-1s', '5 s', '10x', 's', '1h 30m'])('refuses "%s"', (given) => {
    expect(durationMs().safeParse(given).success).toBe(false)
  })
  it('keeps its bounds', () => {
    expect(durationMs({ minMs: 1000 }).safeParse('999ms').success).toBe(false)
    expect(durationMs({ maxMs: 1000 }).safeParse('2s').success).toBe(false)
  })
})

describe('byteSize', () => {
  it.each([
    ['0', 0],
    ['1024', 1024],
    ['10B', 10],
    ['64KiB', 65_536],
    ['512Mi', 536_870_912],
    ['2GiB', 2_147_483_648],
    ['10MB', 10_000_000],
    ['1.5k', 1500],
    ['1 MiB', 1_048_576],
  ])('reads %s as %d bytes', (given, expected) => {
    expect(byteSize().parse(given)).toBe(expected)
  })
  it.each(['', '-1', '1XB', 'MiB', '1ib'])('refuses "%s"', (given) => {
    expect(byteSize().safeParse(given).success).toBe(false)
  })
})

describe('list and pairs', () => {
  it('splits at commas and drops blanks', () => {
    expect(list().parse(' a, b ,,c ')).toEqual(['a', 'b', 'c'])
    expect(list().parse('')).toEqual([])
  })
  it('reads pairs, whose values may hold an equals sign', () => {
    expect([...pairs().parse('a=1==,b=2')]).toEqual([
      ['a', '1=='],
      ['b', '2'],
    ])
  })
  it.each(['a', '=1', 'a=1,a=2', ''])('refuses the pairs "%s"', (given) => {
    expect(pairs().safeParse(given).success).toBe(false)
  })
})

describe('URLs', () => {
  it.each([
    { schema: httpUrl(), given: 'https://host:8443/base', isValid: true },
    { schema: httpUrl(), given: 'ftp://host', isValid: false },
    { schema: httpUrl(), given: 'host:80', isValid: false },
    { schema: redisUrl(), given: 'redis-sentinel://a:1,b:2/main', isValid: true },
    { schema: redisUrl(), given: 'rediss-cluster://u:p@a:1,b:2', isValid: true },
    { schema: redisUrl(), given: 'http://a', isValid: false },
    { schema: postgresUrl(), given: 'postgres://u:p@h:5432/d', isValid: true },
    { schema: postgresUrl(), given: 'mysql://h/d', isValid: false },
  ])('$given is valid: $isValid', ({ schema, given, isValid }) => {
    expect(schema.safeParse(given).success).toBe(isValid)
  })
})
