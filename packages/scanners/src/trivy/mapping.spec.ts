import { readFileSync } from 'node:fs'
import { EngineReport } from '@pharos/contracts'
import { describe, expect, it } from 'vitest'
import { Catalogue } from '../model/catalogue.js'
import { parseJson } from '../process/json-file.js'
import { mapTrivyReport } from './mapping.js'
import { maskSecret } from './mask-secret.js'
import { parsePackageUrl } from './package-url.js'
import { TrivyReport } from './schema.js'

function fixture(name: string) {
  return parseJson(readFileSync(new URL(`./__fixtures__/${name}.json`, import.meta.url)), {
    schema: TrivyReport,
    name,
    limitBytes: 1e6,
    problem: 'engine-output-invalid',
  })
}

function emptyCatalogue(): Catalogue {
  return new Catalogue({ name: 'syft', version: '1' }, { id: 'debian', versionId: '12', prettyName: null }, [])
}

function map(name: string, catalogue = emptyCatalogue()) {
  const findings = mapTrivyReport(fixture(name), catalogue)
  const rows = findings.matches.map((match) => {
    const found = catalogue.packages[match.package]
    const vulnerability = findings.vulnerabilities[match.vulnerability]
    return [vulnerability?.canonicalId, found?.name, found?.version, match.fixState, match.fixVersions.join(), vulnerability?.severity]
  })
  return { findings, rows, catalogue }
}

describe('a report of trivy 0.74.0', () => {
  it('of debian12-old has its findings', () => {
    const { rows, findings } = map('debian12-old')
    expect(findings.engineVersion).toBe('0.74.0')
    expect(rows).toEqual([
      ['CVE-2023-4911', 'libc6', '2.36-9+deb12u1', 'fixed', '2.36-9+deb12u3', 'high'],
      ['CVE-2023-38545', 'libcurl4', '7.88.1-10+deb12u3', 'fixed', '7.88.1-10+deb12u4', 'critical'],
      ['CVE-2023-5363', 'libssl3', '3.0.11-1~deb12u1', 'fixed', '3.0.11-1~deb12u2', 'high'],
      ['CVE-2023-45853', 'zlib1g', '1:1.2.13.dfsg-1', 'wont-fix', '', 'critical'],
    ])
    // An advisory covers several flaws and is no alias.
    expect(findings.vulnerabilities[0]?.aliases).toEqual(['CVE-2023-4911'])
    expect(findings.vulnerabilities[0]?.cvss).toEqual([
      { source: 'nvd', type: null, version: '3.1', vector: 'CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H', baseScore: 7.8 },
    ])
  })

  it.each([
    ['alpine318', true],
    ['debian12-old', false],
  ])('of %s says whether the distribution is at its end of life', (name, isDistroEndOfLife) => {
    expect(map(name).findings.isDistroEndOfLife).toBe(isDistroEndOfLife)
  })

  it('of alpine318 has its findings', () => {
    expect(map('alpine318').rows.map(([id, name]) => [id, name])).toEqual([
      ['CVE-2023-42366', 'busybox'],
      ['CVE-2023-5363', 'libcrypto3'],
    ])
  })

  it('of npm-lodash has its finding, with path and alias, and the masked secret', () => {
    const { findings, rows } = map('npm-lodash')
    expect(rows).toEqual([['CVE-2021-23337', 'lodash', '4.17.20', 'fixed', '4.17.21', 'high']])
    expect(findings.vulnerabilities[0]).toMatchObject({
      nativeId: 'CVE-2021-23337',
      aliases: ['CVE-2021-23337', 'GHSA-35jh-r3h4-6jhm'],
      namespace: 'ghsa:node-pkg',
      cwes: ['CWE-77', 'CWE-94'],
    })
    expect(findings.matches[0]?.locations).toEqual([
      { path: '/app/node_modules/lodash/package.json', layer: 'sha256:27b29504ec3bd110474bf6eb61d63cf2423d53e6b99fb803b08aba1bd51a9cbe' },
    ])
    expect(findings.secrets).toMatchObject([
      { rule: 'aws-access-key-id', severity: 'critical', path: '/app/creds.ini', startLine: 1, masked: 'aws_access_key_id = ********' },
    ])
  })

  it.each(['alpine318', 'debian12-old', 'npm-lodash'])('%s fits the contract', (name) => {
    const { findings } = map(name)
    expect(EngineReport.safeParse({ engine: 'trivy', status: 'complete', database: null, ...findings }).error).toBeUndefined()
  })

  it('finds the packages of the SBOM again and adds only what it lacks', () => {
    const catalogue = emptyCatalogue()
    const base = { distro: null, language: null, upstreams: [], cpes: [], licenses: [], matchKey: null, foundBy: null }
    catalogue.add(
      {
        ...base,
        type: 'npm',
        name: 'lodash',
        version: '4.17.20',
        purl: 'pkg:npm/lodash@4.17.20',
        locations: [{ path: '/other/lodash/package.json', layer: null }],
      },
      'a',
    )
    const wanted = catalogue.add(
      {
        ...base,
        type: 'npm',
        name: 'lodash',
        version: '4.17.20',
        purl: 'pkg:npm/lodash@4.17.20',
        locations: [{ path: '/app/node_modules/lodash/package.json', layer: null }],
      },
      'b',
    )
    const { findings } = map('npm-lodash', catalogue)
    expect(findings.matches[0]?.package).toBe(wanted)
    expect(catalogue.packages.map(({ name }) => name)).toEqual(['lodash', 'lodash', 'demo'])
  })

  it('maps misconfigurations that failed', () => {
    const report = TrivyReport.parse({
      SchemaVersion: 2,
      ArtifactType: 'container_image',
      Results: [
        {
          Target: 'image',
          Class: 'config',
          Misconfigurations: [
            {
              ID: 'DS-0002',
              Title: 'root',
              Description: 'd',
              Message: 'm',
              Resolution: 'r',
              Severity: 'HIGH',
              Status: 'FAIL',
              PrimaryURL: 'https://a',
              References: ['https://a', 'https://b'],
            },
            { ID: 'DS-0001', Status: 'PASS' },
          ],
        },
      ],
    })
    expect(mapTrivyReport(report, emptyCatalogue()).misconfigurations).toEqual([
      {
        check: 'DS-0002',
        title: 'root',
        description: 'd',
        message: 'm',
        resolution: 'r',
        severity: 'high',
        target: 'image',
        urls: ['https://a', 'https://b'],
      },
    ])
  })

  it('that is cut in half is refused', () => {
    const whole = readFileSync(new URL('./__fixtures__/npm-lodash.json', import.meta.url))
    const document = { schema: TrivyReport, name: 'The report', limitBytes: 1e6, problem: 'engine-output-invalid' } as const
    expect(() => parseJson(whole.subarray(0, whole.length / 2), document)).toThrow('engine-output-invalid')
    expect(() => parseJson(Buffer.from('{}'), document)).toThrow('engine-output-invalid')
  })
})

describe('maskSecret', () => {
  it.each([
    ['a line that trivy masked', 'key = ******************** # note', 'key = ******** # note'],
    ['a second token beside the masked one', 'AKIA=**** secret=wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY', 'AKIA=**** secret=********'],
    ['a line that was not masked', 'password = hunter2', '********'],
    ['nothing', null, '********'],
  ])('%s', (_sentence, match, masked) => {
    expect(maskSecret(match)).toBe(masked)
  })
})

describe('parsePackageUrl', () => {
  it.each([
    [
      'pkg:deb/debian/zlib1g@1.2.13.dfsg-1?arch=amd64&distro=debian-12.1&epoch=1',
      { type: 'deb', name: 'zlib1g', version: '1:1.2.13.dfsg-1' },
    ],
    ['pkg:deb/debian/libc6@2.36-9%2Bdeb12u1?arch=amd64', { type: 'deb', name: 'libc6', version: '2.36-9+deb12u1' }],
    ['pkg:npm/%40scope/name@1.0.0', { type: 'npm', name: '@scope/name', version: '1.0.0' }],
    ['pkg:golang/golang.org/x/net@v0.16.0', { type: 'go-module', name: 'golang.org/x/net', version: 'v0.16.0' }],
    ['pkg:maven/org.apache/log4j@2', { type: 'java-archive', name: 'log4j', version: '2' }],
    ['nonsense', undefined],
  ])('%s', (purl, parsed) => {
    expect(parsePackageUrl(purl)).toEqual(parsed)
  })
})
