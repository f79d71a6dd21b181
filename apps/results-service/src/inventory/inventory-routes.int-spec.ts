import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import type { DatabaseGeneration } from '@pharos/contracts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { admin, type ResultsApp, scoped, startResultsApp } from '../__tests__/results-app.js'
import { digestOf, simpleReport } from '../ingest/__tests__/report-builder.js'
import { ScanStorage } from '../runs/scan-storage.js'
import { receiveReport } from '../ingest/received-report.js'

let app: ResultsApp
const digest = digestOf('shop')
beforeAll(async () => {
  app = await startResultsApp()
  const storage = app.get(ScanStorage)
  const report = simpleReport('shop', ['tar'], ['CVE-1'])
  await app.results.database.inTransaction((tx) =>
    storage.store(tx, {
      report: receiveReport(report),
      run: { id: '0190d7a2-6c1e-7d5b-8b0a-000000000001', digest },
      attempt: { id: '0190d7a2-6c1e-7d5b-8b0a-000000000002' },
    }),
  )
  const identity = { cataloguer: 'syft', version: '1.57.0', configuration: 'a1b2' }
  await storage.putCatalogue({ digest, identity, body: Readable.from([gzipSync('{"artifacts": []}')]) })
})
afterAll(() => app.close())

const get = (path: string, headers: Record<string, string> = {}, principal = admin) =>
  app.request({ method: 'GET', url: `/api/v1${path}`, principal, headers })

describe('routes of the inventory', () => {
  it.each([
    ['/images?search=shop*', { items: [{ digest }] }],
    [`/images/${digest}`, { digest, packageCount: 1 }],
    [`/images/${digest}/findings?severity=high&sort=package`, { items: [{ vulnerability: { id: 'CVE-1' } }] }],
    [`/images/${digest}/secrets`, { items: [] }],
    [`/images/${digest}/misconfigurations`, { items: [] }],
    [`/images/${digest}/packages`, { items: [{ name: 'tar' }] }],
    [`/images/${digest}/contexts`, { items: [] }],
    [`/images/${digest}/sbom?format=syft`, { artifacts: [] }],
    [`/images/${digest}/sbom?format=spdx`, { spdxVersion: 'SPDX-2.3' }],
    [`/images/${digest}/sbom`, { specVersion: '1.6' }],
    ['/vulnerabilities/CVE-1', { affects: [{ digest }] }],
    ['/vulnerabilities/CVE-1/images?filter=repository%20~%20*shop', { items: [{ digest, packages: [{ name: 'tar' }] }] }],
    ['/findings?filter=severity%20%3E%3D%20high&count=true', { items: [{ image: { digest } }], count: { count: 1, isCapped: false } }],
    ['/findings/-/facets?fields=severity', { counted: 1, facets: [{ field: 'severity', values: [{ value: 'high', count: 1 }] }] }],
    ['/findings/-/values?field=package.name&q=a', { values: ['tar'] }],
    ['/packages?filter=package.name%20%3D%20tar', { items: [{ name: 'tar', images: { count: 1 } }] }],
    ['/workloads', { items: [] }],
    ['/databases', { items: [] }],
  ])('%s is answered', async (path, body) => {
    expect(await get(path)).toMatchObject({ status: 200, body })
  })

  it.each([
    `/images/${digest}`,
    `/images/${digest}/sbom`,
    '/images',
    '/findings',
    '/packages',
    '/workloads',
    '/vulnerabilities/CVE-1/images',
  ])('%s is not sent again to who has it', async (path) => {
    const { headers } = await get(path)
    expect(await get(path, { 'if-none-match': String(headers['etag']) })).toMatchObject({ status: 304, body: '' })
    expect(await get(path, { 'if-none-match': '"other"' })).toMatchObject({ status: 200 })
  })

  it.each([
    ['/images?fields=digest,platform', ['digest', 'platform']],
    ['/findings?fields=id', ['id']],
    [`/images/${digest}/findings?fields=risk,engine`, ['engine', 'risk']],
    ['/packages?fields=name,%20version', ['name', 'version']],
  ])('%s is answered with these fields alone', async (path, fields) => {
    const { status, body } = await get(path)
    expect(status).toBe(200)
    expect((body as { items: object[] }).items.map((item) => Object.keys(item).sort())).toEqual([[...fields].sort()])
  })

  it.each(['/images?fields=digest,colour', '/findings?fields=', '/packages?fields=__proto__', '/workloads?fields=id,,name'])(
    '%s is refused with what there is to choose from',
    async (path) => {
      expect(await get(path)).toMatchObject({
        status: 400,
        body: { code: 'request-invalid', errors: [{ detail: expect.stringContaining('Fields are ') }] },
      })
    },
  )

  it.each([
    [`/images/${digest}`, 404, 'not-found'],
    ['/images/sha256:1', 400, 'request-invalid'],
    ['/images?cursor=x', 400, 'cursor-invalid'],
    ['/findings?filter=colour%20%3D%20red', 400, 'filter-invalid'],
    ['/vulnerabilities/CVE-2/images', 404, 'not-found'],
    [`/images/${digest}/findings?severity=worst`, 404, 'not-found'],
  ])('%s of a scoped caller is refused with %i %s', async (path, status, code) => {
    expect(await get(path, {}, scoped('registry.example/team-b/*'))).toMatchObject({ status, body: { code } })
  })

  it('a database is imported, served to workers and judged by the scheduler alone', async () => {
    const bytes = Buffer.alloc(1_200_000, 7)
    const imported = await app.request({
      method: 'POST',
      url: '/api/v1/databases/-/import?engine=grype',
      principal: admin,
      payload: bytes,
      headers: { 'content-type': 'application/octet-stream' },
    })
    expect(imported).toMatchObject({ status: 202, body: { state: 'candidate', sizeBytes: bytes.byteLength } })
    const { id } = imported.body as DatabaseGeneration
    const listed = await app.request({ service: 'scheduler', method: 'GET', url: '/internal/v1/generations?state=candidate' })
    expect(listed).toMatchObject({ status: 200, body: { items: [{ id }] } })
    expect(await app.request({ service: 'scanner-worker', method: 'GET', url: `/internal/v1/generations/${id}/archive` })).toMatchObject({
      status: 200,
      headers: { 'content-length': String(bytes.byteLength) },
    })
    const verdict = { accepted: true, schemaVersion: 'v6', builtAt: '2026-11-24T00:00:00.000Z', isSample: true, problem: null }
    expect(
      await app.request({ service: 'scanner-worker', method: 'POST', url: `/internal/v1/generations/${id}/verdict`, payload: verdict }),
    ).toMatchObject({ status: 403 })
    expect(
      await app.request({ service: 'scheduler', method: 'POST', url: `/internal/v1/generations/${id}/verdict`, payload: verdict }),
    ).toMatchObject({ status: 200, body: { state: 'active' } })
    expect(
      await app.request({
        service: 'scheduler',
        method: 'POST',
        url: '/internal/v1/rescans',
        payload: { cause: 'database', generationId: id },
      }),
    ).toMatchObject({ status: 200, body: { affected: 1 } })
  })

  it('a generation is uploaded in two steps', async () => {
    const created = await app.request({
      service: 'scheduler',
      method: 'POST',
      url: '/internal/v1/generations',
      payload: { engine: 'trivy', source: 'feed', checksum: null, fileName: 'db.tar.gz' },
    })
    expect(created).toMatchObject({ status: 201, body: { state: 'uploading' } })
    const { id } = created.body as DatabaseGeneration
    const headers = { 'content-type': 'application/octet-stream' }
    expect(
      await app.request({
        service: 'scheduler',
        method: 'PUT',
        url: `/internal/v1/generations/${id}/archive`,
        payload: Buffer.from('archive'),
        headers,
      }),
    ).toMatchObject({ status: 200, body: { state: 'candidate' } })
  })

  it('an image is removed', async () => {
    expect(await app.request({ method: 'DELETE', url: `/api/v1/images/${digest}`, principal: admin })).toMatchObject({
      status: 204,
      body: '',
    })
    expect(await get(`/images/${digest}`)).toMatchObject({ status: 404 })
  })
})
