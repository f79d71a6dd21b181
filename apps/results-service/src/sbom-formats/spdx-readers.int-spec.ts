import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findTool, repositoryDirectory } from '@pharos/test-kit'
import { Ajv } from 'ajv'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { spdxOf } from './spdx.js'
import { parseSyftDocument } from './syft-document.js'

/** The official JSON schema, as the pinned Syft carries it; undefined where Go has not fetched its source. */
function officialSchema(): object | undefined {
  try {
    const directory = execFileSync('go', ['list', '-m', '-f', '{{.Dir}}', 'github.com/anchore/syft'], {
      cwd: join(repositoryDirectory, 'tools'),
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
    return z.looseObject({}).parse(JSON.parse(readFileSync(join(directory, 'schema', 'spdx-json', 'spdx-schema-2.3.json'), 'utf8')))
  } catch {
    return undefined
  }
}

const artifacts = [
  { id: 'a1', name: 'libssl3', version: '3.0.11-1~deb12u2', type: 'deb', purl: 'pkg:deb/debian/libssl3@3.0.11-1~deb12u2?distro=debian-12' },
  { id: 'a2', name: '@types/node', version: '20.1.0', type: 'npm', purl: 'pkg:npm/%40types/node@20.1.0', licenses: ['a custom licence'] },
  { id: 'a3', name: 'na\u0007me "quoted" \\ ü', version: '1', type: 'python', purl: 'pkg:pypi/name@1' },
].map((artifact) => ({ foundBy: 'x', locations: [{ path: '/a' }], cpes: [], ...artifact }))
const document = parseSyftDocument(
  JSON.stringify({
    artifacts,
    artifactRelationships: [{ parent: 'a1', child: 'a2', type: 'dependency-of' }],
    descriptor: { name: 'syft', version: '1.57.0' },
  }),
)
const subject = { digest: `sha256:${'a'.repeat(64)}`, name: 'registry.example/shop:v1', createdAt: new Date('2026-11-24T08:00:00Z') }
const spdx = spdxOf(document, subject)

const schema = officialSchema()
describe.skipIf(schema === undefined)('the official schema of SPDX 2.3', () => {
  const validate = new Ajv({ strict: false, allErrors: true, formats: { uri: true } }).compile(schema ?? {})

  it('fits what is written', () => {
    validate(spdx)
    expect(validate.errors).toBeNull()
  })

  it('does not fit for everything', () => {
    expect(validate({ ...spdx, packages: [{ name: 'no id' }] })).toBe(false)
  })
})

const syft = findTool('syft')
const Converted = z.object({ artifacts: z.array(z.object({ name: z.string(), version: z.string(), purl: z.string() })) })
describe.skipIf(syft === undefined)('the syft command', () => {
  it('reads the same packages from it', () => {
    const directory = mkdtempSync(join(tmpdir(), 'pharos-spdx-'))
    try {
      const path = join(directory, 'image.spdx.json')
      writeFileSync(path, JSON.stringify(spdx))
      const output = execFileSync(syft ?? '', ['convert', path, '-o', 'syft-json'], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
        env: { ...process.env, SYFT_CHECK_FOR_APP_UPDATE: 'false' },
      })
      const read = Converted.parse(JSON.parse(output)).artifacts.map(({ name, version, purl }) => [name, version, purl])
      const written = artifacts.map(({ name, version, purl }) => [name.replace('\u0007', ' '), version, purl])
      expect(read).toEqual(expect.arrayContaining(written))
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  })
})
