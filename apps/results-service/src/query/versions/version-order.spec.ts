import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { versionOrderOf } from './version-order.js'

/** Each list from the lowest to the highest, as the tool of its ecosystem orders them. */
const ascending: readonly [string, string[]][] = [
  ['deb', ['1.0~rc1-1', '1.0-1', '1.0-1+deb12u1', '1.0-2', '1.0+dfsg-1', '1.0.1', '1.2', '1.10', '1:0.1', '2:0']],
  ['deb', ['0:7.88.1-10+deb12u4', '7.88.1-10+deb12u5', '7.88.1-10+deb12u12']],
  ['deb', ['2.36-9', '2.36-9+deb12u3', '2.37']],
  ['rpm', ['1.0~beta-1', '1.0-1', '1.0^git1-1', '1.0.1-1']],
  ['rpm', ['5.14.0-70.el9', '5.14.0-162.6.1.el9', '1:0.1-1']],
  ['rpm', ['1.0a-1', '1.0.1-1', '1.0.10-1']],
  ['apk', ['1.2.3_alpha1-r0', '1.2.3_rc1-r0', '1.2.3-r0', '1.2.3-r1', '1.2.3-r10', '1.2.3_p1-r0', '1.2.3a-r0', '1.2.4-r0', '1.10-r0']],
  ['apk', ['1.02', '1.1', '1.2.3_git20200101', '1.3']],
  ['python', ['1.0.dev1', '1.0a1.dev1', '1.0a1', '1.0b2', '1.0rc1', '1.0', '1.0+local.1', '1.0.post1', '1.1', '1.10', '1!0.1']],
  ['java-archive', ['1.0-alpha-1', '1.0-beta1', '1.0-rc1', '1.0-SNAPSHOT', '1.0', '1.0-sp1', '1.0-xyz', '1.0-1', '1.0.1', '1.2', '1.10']],
  ['java-archive', ['2.14.1', '2.15.0', '2.16.0', '2.17.0', '2.17.1']],
  ['gem', ['1.0.0.a', '1.0.0.beta2', '1.0.0.rc1', '1.0.0', '1.0.1', '1.2', '1.10.0']],
  ['npm', ['1.0.0-alpha', '1.0.0-alpha.1', '1.0.0-alpha.beta', '1.0.0-beta.2', '1.0.0-beta.11', '1.0.0-rc.1', '1.0.0', '1.2.0', '1.10.0']],
  ['go-module', ['v0.0.0-20190308221718-c2843e01d9a2', 'v0.0.0-20210921155107-089bfa567519', 'v0.1.0', 'v1.2.3', 'v2.0.0+incompatible']],
  ['go-module', ['go1.20.9', 'go1.21.0', 'go1.21.10']],
  ['binary', ['1.0-rc1', '1.0', '1.0.1', '1.0.10', '9.8p1', '10']],
]

/** Written otherwise, but the same version. */
const equal: readonly [string, string, string][] = [
  ['deb', '0:1.0-1', '1.0-1'],
  ['rpm', '1.0-1', '1.0'],
  ['python', '1.0', '1.0.0'],
  ['python', '1.0.RC1', '1.0rc1'],
  ['java-archive', '1.0.0', '1'],
  ['java-archive', '1.0-final', '1-ga'],
  ['java-archive', '1.0a1', '1.0-alpha-1'],
  ['gem', '1.0', '1'],
  ['npm', '1.2.3+build', 'v1.2.3'],
  ['dotnet', '4.3.0.0', '4.3.0'],
  ['binary', '1.0.0', '1'],
]

describe('versions of', () => {
  it.each(ascending)('%s stand in the order of their ecosystem: %j', (type, versions) => {
    const compare = versionOrderOf(type)
    for (const [at, one] of versions.entries())
      for (const [otherAt, other] of versions.entries())
        expect([one, other, Math.sign(compare(one, other))]).toEqual([one, other, Math.sign(at - otherAt)])
  })

  it.each(equal)('%s are the same when written as %s and as %s', (type, one, other) => {
    expect(versionOrderOf(type)(one, other)).toBe(0)
    expect(versionOrderOf(type)(other, one)).toBe(0)
  })

  it('any type and any text compare, and the other way round with the opposite sign', () => {
    const version = fc.oneof(fc.stringMatching(/^[0-9a-z.~+:^_-]{0,12}$/), fc.string({ unit: 'binary', maxLength: 12 }))
    const type = fc.constantFrom('deb', 'rpm', 'apk', 'python', 'java-archive', 'gem', 'npm', 'other')
    fc.assert(
      fc.property(type, version, version, (packageType, one, other) => {
        const compare = versionOrderOf(packageType)
        expect(Math.sign(compare(one, other))).toBe(0 - Math.sign(compare(other, one)))
        expect(compare(one, one)).toBe(0)
      }),
      { numRuns: 2000 },
    )
  })
})
