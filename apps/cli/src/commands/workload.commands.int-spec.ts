import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import {
  exampleOf,
  FleetWorkload,
  ImageBase,
  ImageLayerList,
  UnknownImage,
  WorkloadCluster,
  WorkloadSnapshotAnswer,
} from '@pharos/contracts'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { runProgram } from '../program.js'

let server: Server
let directory: string
let seen: { call: string; headers: IncomingHttpHeaders; body: Buffer }[]
let answers: Record<string, unknown>
beforeEach(async () => {
  seen = []
  answers = {}
  directory = await mkdtemp(join(tmpdir(), 'pharos-cli-'))
  server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const path = decodeURIComponent((request.url ?? '').replace('/api/v1', ''))
      seen.push({ call: `${request.method} ${path}`, headers: request.headers, body: Buffer.concat(chunks) })
      const answer = answers[path.split('?')[0] ?? '']
      response.writeHead(answer === undefined ? 204 : 200, { 'content-type': 'application/json' })
      response.end(answer === undefined ? undefined : JSON.stringify(answer))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
afterEach(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  await rm(directory, { recursive: true })
})

async function pharos(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let out = ''
  let err = ''
  const code = await runProgram({
    arguments: args,
    environment: { PHAROS_SERVER: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, PHAROS_TOKEN: 'phr_x' },
    streams: { out: (text) => (out += text), err: (text) => (err += text), isTerminal: true },
    nowMs: () => Date.parse('2026-11-24T10:00:00.000Z'),
  })
  return { code, out, err }
}

describe('pharos workloads', () => {
  const answer = exampleOf(WorkloadSnapshotAnswer) as WorkloadSnapshotAnswer

  it('lists what runs, and says what is stale or was not scanned', async () => {
    const running = exampleOf(FleetWorkload) as FleetWorkload
    answers['/workloads'] = { items: [running, { ...running, isStale: true, name: 'db' }], nextCursor: 'c1', prevCursor: null }
    const { out, err } = await pharos('workloads', '--filter', 'namespace = shop')
    expect(seen[0]?.call).toBe('GET /workloads?filter=namespace+=+shop')
    expect(out).toMatch(/prod-eu-1 +shop +Deployment\/web +nginx +nginx:1\.27 +not scanned/)
    expect(out).toMatch(/prod-eu-1 \(stale\) +shop +Deployment\/db/)
    expect(err).toContain('--cursor c1')
  })

  it.each([
    ['snapshot.json', 'application/json', undefined],
    ['snapshot.ndjson', 'application/x-ndjson', undefined],
    ['snapshot.ndjson.gz', 'application/x-ndjson', 'gzip'],
    ['snapshot.json.gz', 'application/json', 'gzip'],
  ])('pushes %s as it is', async (name, mediaType, encoding) => {
    answers['/workloads/clusters/eu'] = {
      ...answer,
      unknownImageCount: 1,
      unknownImages: [{ ...exampleOf(UnknownImage), isSubmitted: true }],
      submitted: 1,
    }
    const text = '{"sequence": 1}\n'
    await writeFile(join(directory, name), encoding === 'gzip' ? gzipSync(text) : text)
    const { code, out } = await pharos('workloads', 'push', join(directory, name), '--cluster', 'eu', '--submit')
    expect(code).toBe(0)
    expect(seen[0]).toMatchObject({
      call: 'PUT /workloads/clusters/eu?submit=true&allowEmpty=false',
      headers: { 'content-type': mediaType },
    })
    expect(seen[0]?.headers['content-encoding']).toBe(encoding)
    expect((encoding === 'gzip' ? gunzipSync(seen[0]!.body) : seen[0]!.body).toString()).toBe(text)
    expect(out).toMatch(/Containers: +120/)
    expect(out).toMatch(/nginx:1\.27 .*3 +enqueued/)
  })

  it('shows clusters with their age, and forgets one', async () => {
    const cluster = exampleOf(WorkloadCluster) as WorkloadCluster
    answers['/workloads/clusters'] = { items: [cluster, { ...cluster, cluster: 'us', staleSince: '2026-11-24T09:00:00.000Z' }] }
    const { out } = await pharos('workloads', 'clusters')
    expect(out).toMatch(/prod-eu-1 +120 +3 .*fresh/)
    expect(out).toMatch(/us +120 +3 .*stale for 60m/)
    expect((await pharos('workloads', 'forget', 'us')).out).toContain('forgotten')
    expect(seen.at(-1)?.call).toBe('DELETE /workloads/clusters/us')
  })
})

describe('pharos image --base', () => {
  const digest = `sha256:${'a'.repeat(64)}`
  const layers = exampleOf(ImageLayerList)

  it('shows the base and what each layer brings', async () => {
    answers[`/images/${digest}/base`] = exampleOf(ImageBase)
    answers[`/images/${digest}/layers`] = layers
    const { out } = await pharos('image', digest, '--base')
    expect(out).toMatch(/Base: +docker\.io\/library\/debian:12/)
    expect(out).toMatch(/From the base: +70/)
    expect(out).toMatch(/base +88 +1 +2 +0 +4/)
  })

  it('says when no base is known', async () => {
    answers[`/images/${digest}/base`] = { base: null, findings: { fromBase: 0, own: 4, unplaced: 1 } }
    answers[`/images/${digest}/layers`] = { ...layers, items: [] }
    expect((await pharos('image', digest, '--base')).out).toMatch(/Base: +not known[\s\S]*Of its own: +4[\s\S]*Not placed: +1/)
  })
})
