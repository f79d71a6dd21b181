import { gzipSync } from 'node:zlib'
import { type ClaimedRematchChunk, type Rematch, type RematchPage, rematchTokenHeader } from '@pharos/contracts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { admin, type ResultsApp, startResultsApp } from '../__tests__/results-app.js'
import { RematchCourseService } from './rematch-course.service.js'

const generationId = '0190d7a2-6c1e-7d5b-8b0a-000000000001'

let app: ResultsApp
beforeAll(async () => {
  app = await startResultsApp()
  await app.query(
    `insert into database_generation (id, engine, source, file_name, checksum, schema_version, state, has_archive, activated_at) values ($1, 'grype', 'feed', 'f', $2, 'v6', 'active', true, now())`,
    [generationId, 'a'.repeat(64)],
  )
  await app.query(
    `insert into image (digest, media_type, platform, size_bytes, layers, annotations) values ('sha256:1', 'm', 'linux/amd64', 1, '[]', '{}')`,
  )
  await app.query(
    `insert into image_engine_result (image_id, engine, status, engine_version, generation_id, reasons, scanned_at, has_good_result, last_attempt_failed, attempted_at)
     select id, 1, 'complete', '0.121.2', $1, '[]', now(), true, false, now() from image`,
    [generationId],
  )
  await app.query(
    `with p as (insert into package (hash, type, name, version, detail) values (gen_random_uuid(), 'npm', 'lodash', '1', '{}') returning id), i as (insert into package_input select id, '{"name":"lodash"}' from p)
     insert into image_package (image_id, occurrence, package_id, detail) select image.id, gen_random_uuid(), p.id, '{}' from image, p`,
  )
}, 600_000)
afterAll(() => app.close())

const call = async <T>(method: 'GET' | 'POST', url: string, payload?: unknown) => {
  const answer = await app.request({ principal: admin, method, url, ...(payload === undefined ? {} : { payload }) })
  return { status: answer.status, body: answer.body as T }
}

async function claim(): Promise<ClaimedRematchChunk> {
  const answer = await app.request({
    service: 'scanner-worker',
    method: 'POST',
    url: '/internal/v1/rematches/chunks/claim',
    payload: { workerId: 'w', engineVersion: '0.121.2' },
  })
  expect(answer.status).toBe(200)
  return answer.body as ClaimedRematchChunk
}

describe('the routes of re-matches', () => {
  it('start one, hand its work out, take results, pause, and show what came of it', async () => {
    expect(await claim()).toEqual({ outcome: 'none' })
    const started = await call<Rematch>('POST', '/api/v1/rematches', { full: true })
    expect(started).toMatchObject({ status: 202, body: { state: 'preparing', isNarrowed: false, progress: { chunks: 1, ended: 0 } } })
    const { id } = started.body
    expect((await call('POST', '/api/v1/rematches', {})).status).toBe(409)
    expect((await call<Rematch>('POST', `/api/v1/rematches/${id}/-/pause`)).body.isPaused).toBe(true)
    expect(await claim()).toEqual({ outcome: 'none' })
    expect((await call<Rematch>('POST', `/api/v1/rematches/${id}/-/resume`)).body.isPaused).toBe(false)

    const claimed = await claim()
    if (claimed.outcome !== 'claimed' || claimed.kind !== 'packages') throw new Error('no packages were given')
    expect(claimed.units).toEqual([{ id: expect.any(Number) as number, input: '{"name":"lodash"}', open: [] }])
    const deliver = (payload: Buffer, token = claimed.token) =>
      app.request({
        service: 'scanner-worker',
        method: 'POST',
        url: `/internal/v1/rematches/${id}/chunks/1/deliver`,
        payload,
        headers: { [rematchTokenHeader]: token, 'content-type': 'application/gzip' },
      })
    const results = { kind: 'packages', engineVersion: '0.121.2', skipped: [], failed: [], vulnerabilities: [], matches: [] }
    expect((await deliver(Buffer.from('{}'))).status).toBe(422)
    expect((await deliver(gzipSync('{"kind":"packages"}'))).status).toBe(422)
    expect((await deliver(gzipSync(JSON.stringify(results)), 'another')).status).toBe(409)
    expect(await deliver(gzipSync(JSON.stringify(results)))).toMatchObject({ status: 200, body: { outcome: 'stored' } })
    await app.get(RematchCourseService).advance()
    expect((await call<Rematch>('GET', `/api/v1/rematches/${id}`)).body).toMatchObject({
      state: 'done',
      report: { packages: { matched: 1 }, images: { covered: 1, rescanned: 0 } },
    })
    expect((await call<RematchPage>('GET', '/api/v1/rematches?engine=grype')).body.items).toHaveLength(1)
    expect((await call('GET', '/api/v1/rematches/0190d7a2-6c1e-7d5b-8b0a-00000000000f')).status).toBe(404)
  })

  it('are closed to others', async () => {
    const answer = await app.request({ method: 'POST', url: '/internal/v1/rematches/chunks/claim', payload: {} })
    expect(answer.status).toBe(403)
  })
})
