import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { admin, type ResultsApp, startResultsApp } from '../__tests__/results-app.js'
import { digestOf, simpleReport } from '../ingest/__tests__/report-builder.js'
import { receiveReport } from '../ingest/received-report.js'
import { ScanStorage } from '../runs/scan-storage.js'
import { linksOf } from './list-answers.interceptor.js'

let app: ResultsApp
const names = ['bash', 'gzip', 'tar']
beforeAll(async () => {
  app = await startResultsApp()
  await app.results.database.inTransaction((tx) =>
    app.get(ScanStorage).store(tx, {
      report: receiveReport(simpleReport('shop', names, ['CVE-1'])),
      run: { id: '0190d7a2-6c1e-7d5b-8b0a-000000000001', digest: digestOf('shop') },
      attempt: { id: '0190d7a2-6c1e-7d5b-8b0a-000000000002' },
    }),
  )
})
afterAll(() => app.close())

/** Follows the links of a relation from a page to the last one; answers with what each page held. */
async function follow(path: string, relation: string): Promise<string[][]> {
  const pages: string[][] = []
  for (let url: string | undefined = path; url !== undefined; ) {
    const { status, headers, body } = await app.request({ method: 'GET', url, principal: admin })
    expect(status).toBe(200)
    pages.push((body as { items: { name: string }[] }).items.map(({ name }) => name))
    const { link } = headers
    url = typeof link === 'string' ? new RegExp(`<([^>]+)>; rel="${relation}"`).exec(link)?.[1] : undefined
  }
  return pages
}

describe('the pages of a list', () => {
  it('are linked, so that a caller needs not know of cursors', async () => {
    expect(await follow('/api/v1/packages?filter=package.type%20%3D%20deb&limit=1&fields=name', 'next')).toEqual(
      names.map((name) => [name]),
    )
    const first = await app.request({ method: 'GET', url: '/api/v1/packages?limit=2', principal: admin })
    const next = /<([^>]+)>; rel="next"/.exec(String(first.headers['link']))?.[1] ?? ''
    expect(await follow(next, 'prev')).toEqual([['tar'], ['bash', 'gzip']])
  })

  it('are not linked when there is but one', async () => {
    const { headers } = await app.request({ method: 'GET', url: '/api/v1/packages', principal: admin })
    expect(headers['link']).toBeUndefined()
  })
})

describe('links', () => {
  it.each([
    [
      'both ways',
      '/api/v1/images?limit=2&cursor=old',
      { nextCursor: 'n.1', prevCursor: 'p.1' },
      '</api/v1/images?limit=2&cursor=p.1>; rel="prev", </api/v1/images?limit=2&cursor=n.1>; rel="next"',
    ],
    [
      'with all parameters as they were',
      '/api/v1/images?filter=a%20%3D%20%3E%22b',
      { nextCursor: 'n' },
      '</api/v1/images?filter=a+%3D+%3E%22b&cursor=n>; rel="next"',
    ],
    ['of the only page', '/api/v1/images', { nextCursor: null, prevCursor: null }, ''],
    ['of a list without pages', '/api/v1/views', {}, ''],
  ])('%s', (_sentence, url, cursors, links) => {
    expect(linksOf(url, cursors)).toBe(links)
  })
})
