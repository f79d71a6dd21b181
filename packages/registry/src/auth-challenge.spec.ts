import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseAuthChallenges } from './auth-challenge.js'

function read(header: string): [string, Record<string, string>][] {
  return parseAuthChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)])
}

describe('parseAuthChallenges', () => {
  it.each<[string, string, [string, Record<string, string>][]]>([
    [
      'the usual one',
      'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/alpine:pull"',
      [['bearer', { realm: 'https://auth.docker.io/token', service: 'registry.docker.io', scope: 'repository:library/alpine:pull' }]],
    ],
    [
      'commas inside quotes',
      'Bearer realm="https://x/t",scope="repository:a/b:pull,push"',
      [['bearer', { realm: 'https://x/t', scope: 'repository:a/b:pull,push' }]],
    ],
    ['escaped quotes', 'Basic realm="a \\"b\\" c"', [['basic', { realm: 'a "b" c' }]]],
    [
      'two challenges in one header',
      'Basic realm="x", Bearer realm="https://y/t" , service = z',
      [
        ['basic', { realm: 'x' }],
        ['bearer', { realm: 'https://y/t', service: 'z' }],
      ],
    ],
    [
      'a token68',
      'Negotiate abc==, Basic realm=x',
      [
        ['negotiate', {}],
        ['basic', { realm: 'x' }],
      ],
    ],
    [
      'bare schemes',
      'Negotiate, NTLM',
      [
        ['negotiate', {}],
        ['ntlm', {}],
      ],
    ],
    ['names in any case', 'BEARER Realm="https://x/t"', [['bearer', { realm: 'https://x/t' }]]],
    ['the first of two equal names', 'Bearer realm="https://good/t",realm="https://evil/t"', [['bearer', { realm: 'https://good/t' }]]],
    ['nothing', '', []],
    ['only commas', ' , ,', []],
    ['a parameter without a scheme', 'realm="x"', []],
    ['garbage behind', 'Basic realm="x" \u0001\u0002', [['basic', { realm: 'x' }]]],
  ])('reads %s', (_name, header, expected) => {
    expect(read(header)).toEqual(expected)
  })

  it('ends for any header', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 300 }), (header) => {
        expect(Array.isArray(parseAuthChallenges(header))).toBe(true)
      }),
      { numRuns: 500 },
    )
  })

  it('gives back any quoted value', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 50 }), (value) => {
        const quoted = value.replace(/["\\]/g, '\\$&')
        expect(read(`Bearer realm="${quoted}",service=s`)).toEqual([['bearer', { realm: value, service: 's' }]])
      }),
    )
  })

  it('does not read a header that is far too long', () => {
    expect(read(`Bearer realm="${'x'.repeat(10_000)}"`)).toEqual([])
  })
})
