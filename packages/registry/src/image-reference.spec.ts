import fc from 'fast-check'
import { PharosError } from '@pharos/contracts'
import { describe, expect, it } from 'vitest'
import { formatImageReference, parseImageReference, parseRepository, type ImageReference } from './image-reference.js'

const SHA256 = `sha256:${'a'.repeat(64)}`

function failure(text: string): PharosError {
  try {
    parseImageReference(text)
  } catch (error) {
    if (error instanceof PharosError) return error
    throw error
  }
  throw new Error(`parsed: ${text.slice(0, 100)}`)
}

describe('parseImageReference', () => {
  it.each<[string, string, ImageReference]>([
    [
      'a bare name is an official image of Docker Hub',
      'alpine',
      { registry: 'docker.io', path: 'library/alpine', tag: 'latest', digest: null },
    ],
    [
      'a name with a user stays as it is',
      'grafana/grafana:11',
      { registry: 'docker.io', path: 'grafana/grafana', tag: '11', digest: null },
    ],
    ['docker.io gets its library', 'docker.io/alpine:3.18', { registry: 'docker.io', path: 'library/alpine', tag: '3.18', digest: null }],
    [
      'index.docker.io is docker.io',
      'index.docker.io/library/alpine',
      { registry: 'docker.io', path: 'library/alpine', tag: 'latest', digest: null },
    ],
    ['a first part with a dot is a registry', 'ghcr.io/a/b/c:v1', { registry: 'ghcr.io', path: 'a/b/c', tag: 'v1', digest: null }],
    ['localhost is a registry', 'localhost/a', { registry: 'localhost', path: 'a', tag: 'latest', digest: null }],
    ['a port makes a registry', 'registry:5000/a', { registry: 'registry:5000', path: 'a', tag: 'latest', digest: null }],
    ['a colon before the last slash is no tag', 'localhost:5000/a', { registry: 'localhost:5000', path: 'a', tag: 'latest', digest: null }],
    ['an uppercase first part is a registry', 'Registry/a', { registry: 'Registry', path: 'a', tag: 'latest', digest: null }],
    ['an IPv6 address stands in brackets', '[2001:db8::1]:5000/a:1', { registry: '[2001:db8::1]:5000', path: 'a', tag: '1', digest: null }],
    ['a digest needs no tag', `a@${SHA256}`, { registry: 'docker.io', path: 'library/a', tag: null, digest: SHA256 }],
    ['tag and digest stand together', `quay.io/a/b:1@${SHA256}`, { registry: 'quay.io', path: 'a/b', tag: '1', digest: SHA256 }],
    [
      'sha512 is a digest',
      `a@sha512:${'0'.repeat(128)}`,
      { registry: 'docker.io', path: 'library/a', tag: null, digest: `sha512:${'0'.repeat(128)}` },
    ],
    ['separators join parts', 'ghcr.io/a__b.c-d---e/f_g', { registry: 'ghcr.io', path: 'a__b.c-d---e/f_g', tag: 'latest', digest: null }],
  ])('%s', (_sentence, text, expected) => {
    expect(parseImageReference(text)).toEqual(expected)
  })

  it.each<[string, string, RegExp]>([
    ['empty', '', /is empty/],
    ['an option', '--config=/etc/passwd', /begins with "-"/],
    ['10 kB long', 'a'.repeat(10_240), /10240 characters long/],
    ['unicode', 'alpine:ü', /U\+00FC/],
    ['a bidirectional override', 'alp\u202eine', /U\+202E/],
    ['a line break', 'alpine\nx', /white space/],
    ['a NUL', 'alpine\0', /U\+0000/],
    ['uppercase repository', 'docker.io/Library/Alpine', /uppercase/],
    ['uppercase name', 'Alpine', /uppercase/],
    ['a URL', 'https://ghcr.io/a', /scheme/],
    ['a digest too short', 'a@sha256:abcdef', /form algorithm:hex/],
    ['a sha256 digest of the wrong length', `a@sha256:${'a'.repeat(63)}`, /63 hex digits instead of 64/],
    ['a digest with uppercase hex', `a@sha256:${'A'.repeat(64)}`, /uppercase hex/],
    ['an unknown algorithm', `a@md5:${'a'.repeat(32)}`, /algorithm "md5" is not supported/],
    ['two digests', `a@${SHA256}@${SHA256}`, /digest/],
    ['no tag behind the colon', 'alpine:', /has no tag/],
    ['a long tag', `alpine:${'t'.repeat(129)}`, /129 characters/],
    ['a tag that begins with a dot', 'alpine:.1', /tag/],
    ['a long path', `ghcr.io/${'a'.repeat(256)}`, /256 characters long/],
    ['an empty part', 'ghcr.io/a//b', /empty part/],
    ['a path that ends with a slash', 'ghcr.io/a/', /empty part/],
    ['three underscores', 'a___b', /separators/],
    ['a port too high', 'ghcr.io:70000/a', /port/],
    ['a host that ends with a hyphen', 'ghcr-.io/a', /registry/],
    ['an image id', 'b'.repeat(64), /image id/],
    ['brackets without an address', '[::zz]/a', /registry/],
    ['a user part', 'user:password@ghcr.io/a', /digest/],
    ['parent folders', '../../etc/passwd', /./],
  ])('refuses %s and says why', (_name, text, why) => {
    const error = failure(text)
    expect(error.code).toBe('reference-invalid')
    expect(error.detail).toMatch(why)
    expect(error.detail.length).toBeLessThanOrEqual(501)
    expect(error.detail).not.toMatch(/[\u0000-\u001f\u202e]/)
  })

  const lower = [...'abcdefghijklmnopqrstuvwxyz0123456789']
  const word = (from: string[], max: number) =>
    fc.array(fc.constantFrom(...from), { minLength: 1, maxLength: max }).map((letters) => letters.join(''))
  const component = fc
    .tuple(word(lower, 6), fc.array(fc.tuple(fc.constantFrom('.', '_', '__', '-', '--'), word(lower, 4)), { maxLength: 2 }))
    .map(([head, rest]) => head + rest.map((pair) => pair.join('')).join(''))
  const label = fc
    .tuple(
      word([...lower, ...'ABC'], 5),
      fc.option(
        word([...lower, ...'ABC-'], 4).map((text) => `${text}x`),
        { nil: '' },
      ),
    )
    .map((pair) => pair.join(''))
  const domain = fc.oneof(
    fc.array(label, { minLength: 2, maxLength: 3 }).map((labels) => labels.join('.')),
    fc.constant('localhost'),
    fc
      .ipV6()
      .filter((address) => !address.includes('.'))
      .map((address) => `[${address}]`),
  )
  const registry = fc
    .tuple(domain, fc.option(fc.integer({ min: 1, max: 65_535 }), { nil: null }))
    .map(([host, port]) => (port === null ? host : `${host}:${port}`))
  const tag = fc
    .tuple(fc.constantFrom(...lower, 'A', '_'), fc.array(fc.constantFrom(...lower, 'Z', '_', '.', '-'), { maxLength: 127 }))
    .map(([head, rest]) => head + rest.join(''))
  const digest = fc.array(fc.constantFrom(...'0123456789abcdef'), { minLength: 64, maxLength: 64 }).map((hex) => `sha256:${hex.join('')}`)
  const reference: fc.Arbitrary<ImageReference> = fc
    .record({
      registry,
      path: fc.array(component, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/')),
      tag: fc.option(tag, { nil: null }),
      digest: fc.option(digest, { nil: null }),
    })
    .map((parts) => ({ ...parts, tag: parts.tag ?? (parts.digest === null ? 'latest' : null) }))
    .filter((parts) => parts.registry !== 'index.docker.io' && parts.registry !== 'docker.io')

  it('gives back every reference of the grammar that it formatted', () => {
    fc.assert(
      fc.property(reference, (parts) => {
        expect(parseImageReference(formatImageReference(parts))).toEqual(parts)
      }),
    )
  })

  it('ends for any text in a reference whose text parses to itself, or in reference-invalid', () => {
    const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 80 }), fc.stringMatching(/^[a-zA-Z0-9.:/@_\-[\]]{0,60}$/))
    fc.assert(
      fc.property(text, (given) => {
        try {
          const parsed = parseImageReference(given)
          expect(parseImageReference(formatImageReference(parsed))).toEqual(parsed)
        } catch (error) {
          expect(error).toBeInstanceOf(PharosError)
          expect((error as PharosError).code).toBe('reference-invalid')
        }
      }),
      { numRuns: 1000 },
    )
  })

  it('never leaves more than a host in the registry: its URL has no path, user or query', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z0-9.:@?#\\/[\]-]{1,40}$/), (given) => {
        let parsed: ImageReference
        try {
          parsed = parseImageReference(given)
        } catch {
          return
        }
        const url = new URL(`https://${parsed.registry}/v2/`)
        expect([url.pathname, url.username, url.search, url.hash]).toEqual(['/v2/', '', '', ''])
      }),
      { numRuns: 1000 },
    )
  })
})

describe('parseRepository', () => {
  it('takes a name without a tag', () => {
    expect(parseRepository('localhost:5000/a/b')).toEqual({ registry: 'localhost:5000', path: 'a/b' })
  })

  it.each(['a:1', `a@${SHA256}`])('refuses %s', (text) => {
    expect(() => parseRepository(text)).toThrow(/without a tag/)
  })
})
