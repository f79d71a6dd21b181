import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fakeNodeProgram, scratchDirectory } from '../__tests__/fake-program.js'
import { EngineClient } from './engine-client.js'
import { UnitMatcher } from './unit-matcher.js'

/** An engine that writes what the first unit's input, or the first vulnerability's id, tells it to. */
const fakeEngine = `
import { readFileSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
const say = (message) => process.stdout.write(JSON.stringify(message) + '\\n')
const database = { schemaVersion: 'v6.1.10', builtAt: '2026-01-15T00:00:00Z', checksum: 'xxh64:1', isSample: true }
for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line)
  const ok = (result) => say({ id: request.id, ok: true, result, rssBytes: 1 })
  if (request.op === 'hello') ok({ protocol: 1, engineVersion: '9.9.9', syftVersion: '1', grypeVersion: '0.121.2', databaseSchema: 'v6', cataloguerConfig: 'c' })
  else if (request.op === 'openDatabase') ok(database)
  else if (request.op === 'matchUnits') {
    const lines = readFileSync(request.unitsPath, 'utf8').trimEnd().split('\\n').map((text) => JSON.parse(text))
    const { output, counts } = lines[0].input
    writeFileSync(request.resultPath, output.replace('TOUCHED', JSON.stringify(request.touchedBy ?? null).replaceAll('"', "'")))
    ok({ unitCount: lines.length, matchCount: 0, vulnerabilityCount: 0, database, ...counts })
  } else if (request.op === 'describeVulnerabilities') {
    const { nativeId } = JSON.parse(readFileSync(request.inputPath, 'utf8').split('\\n')[0])
    writeFileSync(request.resultPath, nativeId)
    ok({ count: 1, database })
  }
}
`
const vulnerability = {
  vulnerability: 0,
  record: {
    vulnerability: { id: 'GHSA-1', namespace: 'github:language:javascript', severity: 'High', risk: 250 },
    relatedVulnerabilities: [{ id: 'CVE-2021-1111', namespace: 'nvd:cpe', epss: [{ cve: 'CVE-2021-1111', epss: 0.5, percentile: 0.9 }] }],
  },
}
const match = { vulnerability: 0, fix: { versions: ['2'], state: 'fixed' }, details: [{ type: 'exact-direct-match', matcher: 'm' }] }
const options = {
  limits: { timeoutMs: 100_000, memoryLimitBytes: 1e9, outputLimitBytes: 10_000 },
  signal: new AbortController().signal,
}

let client: EngineClient
let matcher: UnitMatcher
let directory = ''

beforeEach(async () => {
  directory = await scratchDirectory()
  await mkdir(join(directory, 'files'))
  client = new EngineClient({
    program: await fakeNodeProgram(directory, 'pharos-engine', fakeEngine),
    workDirectory: directory,
    layerCacheDirectory: directory,
    layerCacheBytes: 1,
    memoryLimitBytes: 1e9,
    softMemoryLimitBytes: 1e9,
    maxLayerBytes: 1,
    maxImageBytes: 1,
    maxFiles: 1,
  })
  matcher = new UnitMatcher(client, join(directory, 'files'), '0.121.2')
})
afterEach(async () => {
  await client.close()
  // Whatever happened, nothing is left behind.
  expect(await readdir(join(directory, 'files'))).toEqual([])
})

const lines = (...values: (object | string)[]) =>
  values.map((value) => (typeof value === 'string' ? value : JSON.stringify(value))).join('\n')

function matchWith(output: string, counts: object, formerDatabaseDirectory?: string) {
  const units = [
    { id: 40, input: JSON.stringify({ output, counts }) },
    { id: 41, input: '{}' },
  ]
  return matcher.matchUnits(units, '/new', { ...options, formerDatabaseDirectory })
}

describe('units matched by the engine', () => {
  it('come back with their own ids, vulnerabilities once, and risk on each match', async () => {
    const output = lines(vulnerability, { id: 40, matches: [match, match] }, { id: 41, skipped: true })
    const found = await matchWith(output, { matchCount: 2, vulnerabilityCount: 1 })
    expect(found).toMatchObject({
      engineVersion: '0.121.2',
      database: { checksum: 'xxh64:1', builtAt: '2026-01-15T00:00:00.000Z' },
      skipped: [41],
      failed: [],
      vulnerabilities: [{ nativeId: 'GHSA-1', canonicalId: 'CVE-2021-1111', epss: { probability: 0.5 } }],
    })
    const expected = { unitId: 40, vulnerability: 0, fixState: 'fixed', fixVersions: ['2'], risk: 100 }
    expect(found.matches).toMatchObject([expected, expected])
  })

  it('are narrowed where a former database is given', async () => {
    const reason = (await matchWith(lines({ id: 40, failed: 'TOUCHED' }, { id: 41 }), {}, '/old')).failed[0]?.reason
    expect(reason).toBe("{'from':'/old','to':'/new'}")
    expect((await matchWith(lines({ id: 40, failed: 'TOUCHED' }, { id: 41 }), {})).failed).toEqual([{ id: 40, reason: 'null' }])
  })

  it('keep the id of one that the engine could not even read', async () => {
    expect((await matchWith(lines({ id: -1, failed: 'no JSON' }, { id: 41 }), {})).failed).toEqual([{ id: 40, reason: 'no JSON' }])
  })

  it.each([
    ['is cut off', lines({ id: 40 }, '{"id":4'), {}, /not whole JSON/],
    ['lacks a unit', lines({ id: 40 }), {}, /2, 0, 0 units.*wrote 1/],
    ['has a unit too many', lines({ id: 40 }, { id: 41 }, { id: 42 }), {}, /out of turn/],
    ['has units in another order', lines({ id: 41 }, { id: 40 }), {}, /out of turn/],
    ['lacks a match that was counted', lines({ id: 40 }, { id: 41 }), { matchCount: 1 }, /2, 1, 0/],
    ['lacks a vulnerability', lines({ id: 40, matches: [match] }, { id: 41 }), { matchCount: 1 }, /did not write/],
    ['skips a number', lines({ ...vulnerability, vulnerability: 1 }, { id: 40 }, { id: 41 }), {}, /left out vulnerability 0/],
    ['has another form', lines({ unit: 40 }, { id: 41 }), {}, /expected form/],
    ['is too large', lines({ id: 40, failed: 'x'.repeat(20_000) }, { id: 41 }), {}, /larger than 10000/],
  ])('are refused when the result %s', async (_sentence, output, counts, detail) => {
    await expect(matchWith(output, counts)).rejects.toMatchObject({
      code: 'engine-output-invalid',
      detail: expect.stringMatching(detail) as string,
    })
  })
})

describe('vulnerabilities described by the engine', () => {
  const describeWith = (output: string) => matcher.describe([{ id: 9, nativeId: output, namespace: 'n' }], '/new', options)

  it('come back in their order, null for one that is missing', async () => {
    expect(await describeWith(JSON.stringify({ id: 0, missing: true }))).toEqual([null])
    expect(await describeWith(JSON.stringify({ id: 0, record: vulnerability.record }))).toMatchObject([{ nativeId: 'GHSA-1', risk: 100 }])
  })

  it.each([
    ['is empty', '', /described 0/],
    ['is of another', JSON.stringify({ id: 1, missing: true }), /left out vulnerability 0/],
  ])('are refused when the result %s', async (_sentence, output, detail) => {
    await expect(describeWith(output)).rejects.toMatchObject({
      code: 'engine-output-invalid',
      detail: expect.stringMatching(detail) as string,
    })
  })
})
