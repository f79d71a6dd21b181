import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
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
    expect(await readReport(gzip(JSON.stringify(report)), limits)).toEqual(report)
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
    await expect(readReport(Buffer.concat([bytes.subarray(0, -4), sizeOf(report)]), limits)).resolves.toEqual(report)
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
