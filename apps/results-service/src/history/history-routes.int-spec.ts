import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { admin, type ResultsApp, scoped, startResultsApp } from '../__tests__/results-app.js'
import { digestOf, simpleReport } from '../ingest/__tests__/report-builder.js'
import { receiveReport } from '../ingest/received-report.js'
import { ScanStorage } from '../runs/scan-storage.js'

let app: ResultsApp
let between: string
beforeAll(async () => {
  app = await startResultsApp()
  for (const ids of [['CVE-1'], ['CVE-2']]) {
    const run = { id: `0190d7a2-6c1e-7d5b-8b0a-00000000000${ids.length}`, digest: digestOf('shop') }
    const report = receiveReport(simpleReport('shop', ['tar'], ids))
    await app.results.database.inTransaction((tx) => app.get(ScanStorage).store(tx, { report, run, attempt: { id: run.id } }))
    between ??= new Date().toISOString()
  }
})
afterAll(() => app.close())

const get = (path: string, principal = admin) => app.request({ method: 'GET', url: `/api/v1${path}`, principal })
const image = `/images/${digestOf('shop')}`

describe('routes of history', () => {
  it.each([
    [
      'the difference since a moment',
      () => `${image}/diff?since=${between}`,
      { counts: { findings: { added: 1, removed: 1, changed: 0 } } },
    ],
    ['the history of an image', () => `${image}/history?limit=1`, { items: [{ subject: 'finding' }] }],
    ['findings of an image as of a moment', () => `${image}/findings/-/as-of?at=${between}`, { items: [{ vulnerability: 'CVE-1' }] }],
    ['findings of the fleet as of a moment', () => `/findings/-/as-of?at=${between}`, { items: [{ vulnerability: 'CVE-1' }] }],
  ])('answer %s', async (_sentence, path, body) => {
    expect(await get(path())).toMatchObject({ status: 200, body })
  })

  it.each([
    ['a moment beyond the horizon', () => '/findings/-/as-of?at=2020-01-01T00:00:00Z', 410, 'horizon-exceeded'],
    ['an image of somebody else', () => `${image}/history`, 404, 'not-found'],
    ['a moment that is none', () => `${image}/diff?since=yesterday`, 400, 'request-invalid'],
  ])('refuse %s', async (_sentence, path, status, code) => {
    expect(await get(path(), scoped('registry.example/team-b/*'))).toMatchObject({ status, body: { code } })
  })
})
