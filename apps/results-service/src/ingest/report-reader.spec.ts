import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { reportLines, ReportVulnerability } from '@pharos/contracts'
import type { ReceivedReport } from './received-report.js'
import { readReport } from './report-reader.js'
import { scanReport, simpleReport } from './__tests__/report-builder.js'

const limits = { maxReportBytes: 100_000 }
const gzip = (text: string): Buffer => gzipSync(text)

/** The last four bytes of a gzip. */
function sizeOf(report: object): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(Buffer.byteLength(JSON.stringify(report)))
  return bytes
}

describe('reading a report', () => {
  it('gives what the worker sent', async () => {
    const report = simpleReport('shop', ['tar', 'nul\0'], ['CVE-1'])
    const lines = await readReport(gzip(reportLines(report)), limits)
    expect(lines.header).toMatchObject({ image: report.image, packageCount: 2 })
    expect(JSON.parse(lines.packages.text(1))).toContain('nul\0')
    expect(lines.places.count).toBe(2)
    expect(lines.inputs).toBeNull()
    expect(ReportVulnerability.parse(JSON.parse(lines.engines[0]?.vulnerabilities.text(0) ?? ''))).toEqual(
      report.engines[0]?.vulnerabilities[0],
    )
    expect(lines.engines[0]?.matches.map((group) => [group.packagePosition, group.vulnerabilityPositions, group.lines.count])).toEqual([
      [0, [0], 1],
      [1, [0], 1],
    ])
  })

  it('gives the same of a report of the first version, which is one document', async () => {
    const report = { ...simpleReport('größe', ['tar', 'zlib'], ['CVE-1', 'CVE-2']), matcherInputs: '{"a":"ö"}\n{}' }
    const [lines, document] = await Promise.all([
      readReport(gzip(reportLines(report)), limits),
      readReport(gzip(JSON.stringify(report, null, 1)), limits),
    ])
    expect(document.header).toEqual(lines.header)
    const hashes = (received: ReceivedReport): string[] =>
      [received.packages, received.places, received.inputs, received.engines[0]?.vulnerabilities].flatMap((part) => [
        part?.hash(0) ?? '',
        part?.hash(1) ?? '',
      ])
    expect(hashes(document)).toEqual(hashes(lines))
    expect(document.inputs?.text(0)).toBe('{"a":"ö"}')
    expect(document.engines[0]?.matches.map((group) => group.hash())).toEqual(lines.engines[0]?.matches.map((group) => group.hash()))
    expect(new Set(hashes(lines)).size).toBe(8)
  })

  it('takes two packages with the same matches for the same set of matches', async () => {
    const received = await readReport(gzip(reportLines(simpleReport('shop', ['tar', 'tar'], ['CVE-1']))), limits)
    const [first, second] = received.engines[0]?.matches ?? []
    expect(first?.lines.text(0)).not.toBe(second?.lines.text(0))
    const same = simpleReport('shop', ['tar', 'zlib'], ['CVE-1'])
    for (const item of same.engines[0]?.matches ?? []) item.details = []
    const [one, other] = (await readReport(gzip(reportLines(same)), limits)).engines[0]?.matches ?? []
    expect(one?.hash()).toBe(other?.hash())
  })

  it.each([
    ['lacks its last line', (text: string) => text.slice(0, text.trimEnd().lastIndexOf('\n') + 1)],
    ['has a line too many', (text: string) => `${text}{}\n`],
    ['counts more packages than it has', (text: string) => text.replace('"packageCount":2', '"packageCount":3')],
    ['matches a package that it does not have', (text: string) => text.replace('"matchedPackages":[0,1]', '"matchedPackages":[0,2]')],
    [
      'matches a vulnerability that it does not have',
      (text: string) => text.replace('"matchedVulnerabilities":[0,0]', '"matchedVulnerabilities":[0,1]'),
    ],
    ['has a group without a count', (text: string) => text.replace('"matchCounts":[1,1]', '"matchCounts":[2]')],
    ['has a risk for nothing', (text: string) => text.replace('"risks":[3.5]', '"risks":[3.5,1]')],
    ['has a risk that is none', (text: string) => text.replace('"risks":[3.5]', '"risks":[300]')],
  ])('refuses lines when the report %s', async (_case, change) => {
    const text = reportLines(simpleReport('shop', ['tar', 'zlib'], ['CVE-1']))
    await expect(readReport(gzip(text), limits)).resolves.toBeDefined()
    expect(change(text)).not.toBe(text)
    await expect(readReport(gzip(change(text)), limits)).rejects.toMatchObject({ code: 'report-invalid' })
  })

  it('refuses lines that are not UTF-8', async () => {
    const bytes = Buffer.from(reportLines(simpleReport('shop', ['tar'], [])))
    bytes[bytes.indexOf('tar')] = 0xff
    await expect(readReport(gzipSync(bytes), limits)).rejects.toMatchObject({ code: 'report-invalid' })
  })

  it.each([
    ['says nothing true of its size', 7],
    ['says that it is far larger', 0xffffffff],
    ['says that it is empty', 0],
  ])('refuses one whose gzip %s, whatever room that asks for', async (_case, statedBytes) => {
    const report = simpleReport('shop', ['tar', 'größe'], ['CVE-1'])
    const bytes = gzip(JSON.stringify(report))
    bytes.writeUInt32LE(statedBytes, bytes.byteLength - 4)
    await expect(readReport(bytes, limits)).rejects.toMatchObject({ code: 'report-invalid' })
    await expect(readReport(Buffer.concat([bytes.subarray(0, -4), sizeOf(report)]), limits)).resolves.toMatchObject({
      header: { image: report.image },
    })
  })

  it.each([
    ['is not gzip', Buffer.from('{}')],
    ['is cut in half', gzip(JSON.stringify(scanReport('shop'))).subarray(0, 100)],
    ['is not JSON', gzip('{')],
    ['is of another version', gzip(JSON.stringify({ ...scanReport('shop'), reportVersion: 2 }))],
    ['names an unknown engine', gzip(JSON.stringify({ ...scanReport('shop'), engines: [{ engine: 'other' }] }))],
    ['has no engine', gzip(JSON.stringify({ ...scanReport('shop'), engines: [] }))],
    [
      'has a digest that is none',
      gzip(JSON.stringify({ ...scanReport('shop'), image: { ...scanReport('shop').image, digest: 'sha256:x' } })),
    ],
  ])('refuses one that %s', async (_case, bytes) => {
    await expect(readReport(bytes, limits)).rejects.toMatchObject({ code: 'report-invalid' })
  })

  it('names the places that do not fit', async () => {
    await expect(readReport(gzip(JSON.stringify({ ...scanReport('shop'), packages: [{}] })), limits)).rejects.toMatchObject({
      errors: expect.arrayContaining([expect.objectContaining({ pointer: '#/packages/0/type' })]),
    })
  })

  it('unpacks no more than the limit', async () => {
    await expect(readReport(gzip(' '.repeat(5_000_000)), limits)).rejects.toMatchObject({ code: 'request-too-large' })
  })
})
