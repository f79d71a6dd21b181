import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatPurl, parsePurl, type Purl, purlIncludes } from './purl.js'

const shown = (text: string) => {
  const purl = parsePurl(text)
  return purl && { ...purl, qualifiers: Object.fromEntries(purl.qualifiers) }
}

describe('parsePurl', () => {
  it.each([
    [
      'pkg:deb/debian/tar@1.34%2Bdfsg-1?arch=amd64&distro=debian-12',
      { type: 'deb', namespace: 'debian', name: 'tar', version: '1.34+dfsg-1', qualifiers: { arch: 'amd64', distro: 'debian-12' } },
    ],
    ['pkg:npm/%40angular/core@1.0.0', { type: 'npm', namespace: '@angular', name: 'core', version: '1.0.0', qualifiers: {} }],
    ['pkg:npm/@angular/core', { type: 'npm', namespace: '@angular', name: 'core', version: '', qualifiers: {} }],
    [
      'pkg:golang/github.com/Masterminds/sprig@v3.2.0#subpath',
      { type: 'golang', namespace: 'github.com/masterminds', name: 'sprig', version: 'v3.2.0', qualifiers: {} },
    ],
    ['pkg:pypi/Typing_Extensions@4', { type: 'pypi', namespace: '', name: 'typing-extensions', version: '4', qualifiers: {} }],
    ['pkg:maven/org.Apache/Log4j@2', { type: 'maven', namespace: 'org.Apache', name: 'Log4j', version: '2', qualifiers: {} }],
    [
      'pkg://OCI/Shop@sha256%3Aab?repository_url=a.io/b',
      { type: 'oci', namespace: '', name: 'shop', version: 'sha256:ab', qualifiers: { repository_url: 'a.io/b' } },
    ],
    ['pkg:gem/a@1?platform=&arch=x', { type: 'gem', namespace: '', name: 'a', version: '1', qualifiers: { arch: 'x' } }],
    ['pkg:generic/100%', { type: 'generic', namespace: '', name: '100%', version: '', qualifiers: {} }],
    ['pkg:npm', null],
    ['pkg:npm/', null],
    ['pkg:/npm', null],
    ['npm/lodash', null],
    ['', null],
  ])('%s', (text, expected) => {
    expect(shown(text)).toEqual(expected)
  })
})

const word = fc.string({ minLength: 1, maxLength: 6 }).filter((text) => /^[^/]+$/.test(text.trim()) && text.trim() === text)
const purl: fc.Arbitrary<Purl> = fc.record({
  type: fc.constantFrom('maven', 'gem', 'rpm', 'cargo'),
  namespace: fc.option(word, { nil: '' }),
  name: word,
  version: fc.option(word, { nil: '' }),
  qualifiers: fc
    .dictionary(fc.constantFrom('arch', 'distro', 'epoch'), word, { noNullPrototype: true })
    .map((entries) => new Map(Object.entries(entries))),
})

describe('a purl', () => {
  it('is the same after it was written and read', () => {
    fc.assert(
      fc.property(purl, (one) => {
        expect(parsePurl(formatPurl(one))).toEqual(one)
      }),
    )
  })

  it('includes itself, and whatever says more than it does', () => {
    fc.assert(
      fc.property(purl, word, word, (one, version, arch) => {
        expect(purlIncludes(one, one)).toBe(true)
        expect(purlIncludes({ ...one, version: '', qualifiers: new Map() }, one)).toBe(true)
        expect(purlIncludes({ ...one, qualifiers: new Map() }, { ...one, qualifiers: new Map([['arch', arch]]) })).toBe(true)
        expect(purlIncludes({ ...one, version }, { ...one, version: '' })).toBe(false)
      }),
    )
  })

  it('does not include what has another name, version or qualifier', () => {
    fc.assert(
      fc.property(purl, word, (one, other) => {
        if (other !== one.name) expect(purlIncludes(one, { ...one, name: other })).toBe(false)
        if (one.version !== '' && other !== one.version) expect(purlIncludes(one, { ...one, version: other })).toBe(false)
        for (const [key, value] of one.qualifiers)
          if (other !== value) expect(purlIncludes(one, { ...one, qualifiers: new Map([...one.qualifiers, [key, other]]) })).toBe(false)
      }),
    )
  })

  it('includes nothing more when it says more', () => {
    fc.assert(
      fc.property(purl, purl, word, (one, found, value) => {
        const narrower = { ...one, qualifiers: new Map([...one.qualifiers, ['vcs', value]]) }
        expect(!purlIncludes(narrower, found) || purlIncludes(one, found)).toBe(true)
      }),
    )
  })

  it('is never read from a text in a way that throws', () => {
    fc.assert(fc.property(fc.string(), (text) => void parsePurl(`pkg:${text}`)))
  })
})
