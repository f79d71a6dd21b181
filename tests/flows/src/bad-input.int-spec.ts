import { readFile } from 'node:fs/promises'
import type { Problem, SubmitScan } from '@pharos/contracts'
import {
  buildEmptyImage,
  buildImage,
  buildLyingImage,
  buildNotAnArchiveImage,
  buildWindowsImage,
  buildWrongDiffIdImage,
  buildZipBombImage,
  freePort,
  type PreparedImage,
  type RegistryFault,
  readBlob,
  sampleDatabases,
  startRegistry,
  type TestRegistry,
} from '@pharos/test-kit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { ApiRequest } from './harness/gateway-api.js'
import { hasScanners, importSampleDatabase, type PharosStack, startPharos } from './harness/pharos-stack.js'
import { familyOf } from './harness/process-list.js'
import { allowRegistry } from './harness/sample-site.js'
import { buildSmallImage } from './harness/small-image.js'

let pharos: PharosStack
let registry: TestRegistry
let pids: number[]
let bystanders: string[]
let closedPort: number
let forbiddenPort: number

const scan = (body: unknown): [string, string, ApiRequest] => ['POST', '/scans', { body }]
const text = (content: string): [string, string, ApiRequest] => ['POST', '/scans', { raw: { content, type: 'application/json' } }]

/** Requests that are refused on the spot. */
const refusals: [string, [string, string, ApiRequest], Problem['code'][]][] = [
  ['a reference that does not parse', scan({ image: 'Team/App:1' }), ['reference-invalid']],
  ['a reference that begins with a dash', scan({ image: '-o=json' }), ['reference-invalid']],
  ['a reference of 10 kB', scan({ image: `example/${'a'.repeat(10_000)}` }), ['request-invalid', 'reference-invalid']],
  ['a reference with unicode', scan({ image: 'exämple/äpp:1' }), ['reference-invalid']],
  ['an unknown platform', scan({ image: 'example/app:1', platform: 'amiga' }), ['platform-invalid']],
  ['an unknown engine', scan({ image: 'example/app:1', engines: ['oracle'] }), ['engine-unknown', 'request-invalid']],
  ['an unknown field', scan({ image: 'example/app:1', imgae: 'x' }), ['request-invalid']],
  ['a body that is not JSON', text('image: example/app:1'), ['json-invalid']],
  ['a body cut in half', text('{"image": "example/ap'), ['json-invalid']],
  ['a body with a key twice', text('{"image": "example/a:1", "image": "example/b:1"}'), ['json-duplicate-key']],
  ['a body of 2 MiB', text(`{"image": "${'a'.repeat(2 * 1024 * 1024)}"}`), ['request-too-large']],
  [
    'a body that is no JSON type',
    ['POST', '/scans', { raw: { content: 'image=x', type: 'application/x-www-form-urlencoded' } }],
    ['media-type-not-accepted'],
  ],
  [
    'a wrong token',
    ['GET', '/images', { headers: { authorization: `Bearer phr_${'x'.repeat(12)}_${'x'.repeat(43)}` } }],
    ['unauthenticated'],
  ],
  ['a path that is not served', ['GET', '/nothing', {}], ['not-found']],
  ['an SBOM that is none', ['POST', '/sboms?name=x', { raw: { content: '{"hello": 1}', type: 'application/json' } }], ['sbom-invalid']],
]

const Layers = z.object({ layers: z.array(z.object({ digest: z.string() })) })

/** Requests for the first layer of an image, and for nothing else of it. */
async function firstLayerOf(image: PreparedImage): Promise<RegExp> {
  const [layer] = Layers.parse(JSON.parse((await readBlob(image.top.blob)).toString())).layers
  return new RegExp(`GET .*blobs/${layer?.digest ?? 'none'}`)
}

/** Images that a scan fails on, or not. */
const images: [string, () => PreparedImage | Promise<PreparedImage>, Problem['code'][]][] = [
  ['a zip bomb', () => buildZipBombImage(), ['image-too-large']],
  ['an image for another system', () => buildWindowsImage(), ['image-platform-unsupported', 'platform-not-found']],
  ['a manifest that lies about sizes', () => buildLyingImage(1234), ['image-size-mismatch']],
  ['a manifest that claims 30 GB', () => buildLyingImage(30_000_000_000), ['image-too-large', 'image-size-mismatch']],
  ['a layer that is no archive', () => buildNotAnArchiveImage(), ['image-corrupt']],
  ['a layer that is not the one in the configuration', () => buildWrongDiffIdImage(), ['image-corrupt', 'image-digest-mismatch']],
]

/** What a registry does wrong, where, and how the task ends. */
const faults: [string, RegExp | 'layer', RegistryFault, Problem['code'][]][] = [
  ['hangs', /manifests/, { kind: 'hang' }, ['registry-timeout']],
  ['closes the connection', /manifests/, { kind: 'reset' }, ['registry-unreachable']],
  ['sends garbage', /manifests/, { kind: 'garbage' }, ['registry-response-invalid', 'media-type-unsupported']],
  ['fails', /manifests/, { kind: 'status', status: 503 }, ['registry-server-error']],
  ['limits requests', /manifests/, { kind: 'status', status: 429, retryAfter: '1' }, ['registry-rate-limited']],
  ['truncates a layer', 'layer', { kind: 'truncate', afterBytes: 5 }, ['image-truncated']],
  ['serves a layer with a wrong digest', /GET .*blobs/, { kind: 'corrupt' }, ['image-digest-mismatch']],
  [
    'redirects to an internal address',
    /GET .*blobs/,
    { kind: 'redirect', location: 'http://169.254.169.254/latest' },
    ['registry-address-forbidden'],
  ],
  [
    'asks for a token at an internal address',
    /manifests/,
    { kind: 'token-realm', realm: 'http://169.254.169.254/token' },
    ['registry-address-forbidden', 'registry-unauthorized'],
  ],
]

describe.skipIf(!hasScanners)('bad input', () => {
  beforeAll(async () => {
    pharos = await startPharos({
      environment: {
        'results-service': { PHAROS_MAX_ATTEMPTS: '2' },
        'scanner-worker': {
          PHAROS_MAX_UNPACKED_SIZE: '1GiB',
          PHAROS_MAX_LAYER_SIZE: '1GiB',
          PHAROS_RESOLVE_TIMEOUT: '6s',
          PHAROS_SLOTS: '4',
          PHAROS_INTERACTIVE_SLOTS: '4',
        },
      },
    })
    await importSampleDatabase(pharos.api)
    registry = await startRegistry()
    await allowRegistry(pharos.api, registry.host)
    closedPort = await freePort()
    forbiddenPort = await freePort()
    await allowRegistry(pharos.api, `127.0.0.1:${closedPort}`)
    pids = pharos.services.map(({ pid }) => pid)
    const good: SubmitScan[] = []
    for (let index = 0; index < 10; index += 1)
      good.push({ image: registry.add(`bystander/${index}`, '1', (await buildSmallImage()).image), priority: 'background' })
    bystanders = await pharos.api.submitAll(good)
  })
  afterAll(async () => {
    await registry?.close()
    await pharos?.close()
  })

  it.each(refusals)('%s is refused', async (_sentence, [method, path, request], codes) => {
    const problem = await pharos.api.problem(method, path, request)
    expect(codes).toContain(problem.code)
    expect(problem).toMatchObject({ type: `https://pharos.dev/problems/${problem.code}`, detail: expect.any(String) as string })
  })

  it.concurrent.each(images)('%s ends its task', async (sentence, build, codes) => {
    const reference = registry.add(`bad/${sentence.replaceAll(/\W+/g, '-').toLowerCase()}`, '1', await build())
    const task = await pharos.api.scan({ image: reference })
    expect(task).toMatchObject({ state: 'failed' })
    expect(codes, JSON.stringify(task.failure)).toContain(task.failure?.code)
  })

  it.concurrent.each(faults)('a registry that %s ends the task', async (_sentence, match, fault, codes) => {
    const faulty = await startRegistry()
    await allowRegistry(pharos.api, faulty.host)
    const { image } = await buildSmallImage()
    const reference = faulty.add('team/app', '1', image)
    faulty.fail({ match: match === 'layer' ? await firstLayerOf(image) : match, fault })
    const task = await pharos.api.scan({ image: reference })
    await faulty.close()
    expect(task).toMatchObject({ state: 'failed' })
    expect(codes, JSON.stringify(task.failure)).toContain(task.failure?.code)
  })

  it.concurrent.each([
    ['has a name that does not resolve', (): string => 'registry.invalid/team/app:1', ['registry-name-unresolved']],
    ['refuses connections', (): string => `127.0.0.1:${closedPort}/team/app:1`, ['registry-unreachable']],
    [
      'is at an internal address that nobody allowed',
      (): string => `127.0.0.1:${forbiddenPort}/team/app:1`,
      ['registry-address-forbidden'],
    ],
    ['does not know the image', (): string => `${registry.host}/team/unknown:1`, ['manifest-not-found']],
  ])('a registry that %s ends the task', async (_sentence, referenceOf, codes) => {
    const task = await pharos.api.scan({ image: referenceOf() })
    expect(task).toMatchObject({ state: 'failed' })
    expect(codes, JSON.stringify(task.failure)).toContain(task.failure?.code)
  })

  it('an image without packages is complete and has no findings', async () => {
    const task = await pharos.api.scan({ image: registry.add('good/empty', '1', await buildEmptyImage()) })
    expect(task).toMatchObject({ state: 'succeeded', outcomes: [{ status: 'complete', findingCount: 0 }] })
    expect(await pharos.api.findings(task.digest ?? '')).toEqual([])
  })

  it('an image without layers is complete and has no findings', async () => {
    const task = await pharos.api.scan({ image: registry.add('good/scratch', '1', buildImage({ layers: [] })) })
    expect(task).toMatchObject({ state: 'succeeded', outcomes: [{ status: 'complete', findingCount: 0 }] })
  })

  it.each([
    ['cut in half', (bytes: Buffer): Buffer => bytes.subarray(0, bytes.length / 2)],
    ['no archive at all', (): Buffer => Buffer.from('not a database')],
  ])('a database file that is %s is refused, and the old one stays', async (_sentence, damage) => {
    const databases = await sampleDatabases()
    if (!databases.isAvailable) throw new Error(databases.reason)
    const before = await pharos.api.database(({ state }) => state === 'active')
    const refused = await pharos.api.importDatabase(damage(await readFile(databases.value.grype.archivePath)))
    expect(refused).toMatchObject({ state: 'refused', problem: expect.stringMatching(/./) as string })
    expect(await pharos.api.database(({ state }) => state === 'active')).toMatchObject({ id: before.id })
    const task = await pharos.api.scan({ image: registry.add('good/after', '1', (await buildSmallImage()).image) })
    expect(task.state).toBe('succeeded')
  })

  it('a scanner that is killed in the middle costs an attempt and nothing else', async () => {
    const engines = familyOf(pharos.service('scanner-worker').pid).filter(({ name }) => name === 'pharos-engine')
    expect(engines.length).toBeGreaterThan(0)
    for (const { pid } of engines) process.kill(pid, 'SIGSTOP')
    const { id } = await pharos.api.submit({ image: registry.add('good/killed', '1', (await buildSmallImage()).image) })
    await pharos.api.taskWhen(id, ({ phase }) => phase === 'catalogue')
    for (const { pid } of engines) process.kill(pid, 'SIGKILL')
    expect(await pharos.api.ended(id)).toMatchObject({ state: 'succeeded', attempts: 2 })
  })

  it('none of it has lost another task or ended a service', async () => {
    for (const id of bystanders) expect(await pharos.api.ended(id)).toMatchObject({ state: 'succeeded' })
    expect(pharos.services.map(({ pid }) => pid)).toEqual(pids)
    for (const service of pharos.services) {
      expect(familyOf(service.pid).map(({ pid }) => pid)).toContain(service.pid)
      expect((await fetch(service.plan.readyUrl ?? '')).status).toBe(200)
    }
  })
})
