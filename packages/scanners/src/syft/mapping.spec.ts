import { describe, expect, it } from 'vitest'
import { fixtureCatalogue } from '../__tests__/fixtures.js'
import { mapSyftDocument } from './mapping.js'
import { matchKeyOf } from './match-key.js'
import { SyftArtifact, SyftDocument } from './schema.js'

function artifact(fields: object) {
  return SyftArtifact.parse({ id: 'x', name: 'n', version: '1', type: 't', ...fields })
}

describe('an SBOM of syft 1.57.0', () => {
  it('has every package, those without findings too', () => {
    const catalogue = fixtureCatalogue('debian-app')
    expect(catalogue.packages).toHaveLength(23)
    expect(catalogue.cataloguer).toEqual({ name: 'syft', version: '1.57.0' })
    expect(catalogue.distro).toMatchObject({ id: 'debian', versionId: '12.0' })
    expect(catalogue.packages.find(({ name }) => name === 'libc6')).toMatchObject({
      type: 'deb',
      version: '2.36-9',
      distro: 'debian:12.0',
      upstreams: [{ name: 'glibc', version: null }],
      locations: expect.arrayContaining([
        { path: '/var/lib/dpkg/status', layer: expect.stringMatching(/^sha256:[a-f0-9]{64}$/) as string },
      ]) as unknown,
    })
  })

  it('names the files that could not be read', () => {
    const document = SyftDocument.parse({
      artifacts: [],
      descriptor: { name: 'syft', version: '1' },
      files: [
        { location: { path: '/ok' } },
        { location: { path: '/bad.jar' }, unknowns: ['java-archive-cataloger: not a zip', 'x'] },
        { location: { path: '/none' }, unknowns: [] },
        {
          location: { path: '/bin/tool' },
          unknowns: ['unknowns-labeler: no package identified in executable file', 'archive not cataloged'],
        },
      ],
    })
    expect(mapSyftDocument(document).unreadable).toEqual([{ path: '/bad.jar', reason: 'java-archive-cataloger: not a zip; x' }])
  })
})

describe('upstreams', () => {
  it.each([
    ['deb', { metadataType: 'dpkg-db-entry', metadata: { source: 'glibc', sourceVersion: '2' } }, [{ name: 'glibc', version: '2' }]],
    ['apk', { metadataType: 'apk-db-entry', metadata: { originPackage: 'openssl' } }, [{ name: 'openssl', version: null }]],
    [
      'rpm',
      { metadataType: 'rpm-db-entry', metadata: { sourceRpm: 'open-ssl-1.1.1k-7.el8.src.rpm' } },
      [{ name: 'open-ssl', version: '1.1.1k-7.el8' }],
    ],
    ['rpm of its own source', { name: 'bash', metadataType: 'rpm-db-entry', metadata: { sourceRpm: 'bash-5-1.src.rpm' } }, []],
    ['npm', { metadataType: 'javascript-npm-package', metadata: { source: 'x' } }, []],
  ])('of a package: %s', (_sentence, fields, upstreams) => {
    const document = SyftDocument.parse({ artifacts: [artifact(fields)], descriptor: { name: 'syft', version: '1' } })
    expect(mapSyftDocument(document).packages[0]?.upstreams).toEqual(upstreams)
  })
})

describe('the match key', () => {
  const go = (metadata: object) => matchKeyOf(artifact({ metadataType: 'go-module-buildinfo-entry', metadata }))

  it('differs when something that a matcher reads differs, and only then', () => {
    const base = { mainModule: 'a', symbols: { p: ['F', 'G'] }, h1Digest: 'x' }
    expect(go(base)).toBe(go({ symbols: { p: ['F', 'G'] }, mainModule: 'a', h1Digest: 'y' }))
    expect(go(base)).not.toBe(go({ ...base, symbols: { p: ['F'] } }))
    expect(go(base)).not.toBe(go({ ...base, goCompiledVersion: 'go1.21' }))
    const rpm = (metadata: object) => matchKeyOf(artifact({ metadataType: 'rpm-db-entry', metadata }))
    expect(rpm({ epoch: 1, size: 3 })).toBe(rpm({ epoch: 1, size: 4 }))
    expect(rpm({ epoch: 1 })).not.toBe(rpm({ epoch: 1, modularityLabel: 'm' }))
  })

  it('of a Java archive depends on its digest, not on what its manifest says of the build', () => {
    const java = (builtBy: string, digest: string) =>
      matchKeyOf(
        artifact({
          metadataType: 'java-archive',
          metadata: { manifest: { main: [{ key: 'Built-By', value: builtBy }] }, digest: [{ algorithm: 'sha1', value: digest }] },
        }),
      )
    expect(java('alice', 'd')).toBe(java('bob', 'd'))
    expect(java('alice', 'd')).not.toBe(java('alice', 'e'))
  })

  it('is null where matchers read no metadata', () => {
    expect(matchKeyOf(artifact({ metadataType: 'javascript-npm-package', metadata: { author: 'a' } }))).toBeNull()
    expect(go({ h1Digest: 'x' })).toBeNull()
  })
})
