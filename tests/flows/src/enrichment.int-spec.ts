import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { EnricherOverview, EnricherTestAnswer, FindingPage, FleetWorkloadPage, ImagePage, WorkloadSnapshotAnswer } from '@pharos/contracts'
import { pollUntil } from '@pharos/service-kit'
import { type SampleImageName, type TestRegistry } from '@pharos/test-kit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EnricherApi, type Script, setOf, snapshotOf, threeEngines } from './harness/enrichers.js'
import { pharosCommand } from './harness/pharos-command.js'
import { hasScanners, importSampleDatabase, type PharosStack, startPharos } from './harness/pharos-stack.js'
import { openSampleSite } from './harness/sample-site.js'
import { storedRows } from './harness/stored-rows.js'

const names = ['alpine', 'npm', 'debian'] as const satisfies readonly SampleImageName[]
const owners = ['owner', 'distro', 'findings'] as const
const loop: Script = { step: 'starlark', text: 'def enrich(input):\n    for i in range(1 << 40):\n        pass\n    return {}\n' }

let pharos: PharosStack
let registry: TestRegistry
let references: Map<SampleImageName, string>
let enrichers: EnricherApi
const digests = new Map<string, string>()

const digestOf = (name: SampleImageName): string => digests.get(name) ?? `no digest of ${name}`
const enricherCommand = (...args: string[]) => pharosCommand(pharos.api, ['enricher', ...args, '--output', 'json'])
const taskCount = async (): Promise<number> =>
  Number((await storedRows<{ count: string }>(pharos.databaseUrl, 'select count(*) from scan_task'))[0]?.count)

async function scan(name: SampleImageName, force = false): Promise<string> {
  const task = await pharos.api.scan({ image: references.get(name) ?? '', force })
  expect(task.state).toBe('succeeded')
  const { digest } = task
  if (digest === null) throw new Error('a scan that succeeded has no digest')
  digests.set(name, digest)
  return digest
}

describe.skipIf(!hasScanners)('enrichers', () => {
  beforeAll(async () => {
    pharos = await startPharos({
      environment: { 'scanner-worker': { PHAROS_ENRICHER_TIMEOUT: '8s', PHAROS_ENRICHER_STEPS: '100000000000' } },
    })
    enrichers = new EnricherApi(pharos.api)
    await importSampleDatabase(pharos.api)
    ;({ registry, references } = await openSampleSite(pharos.api))
  })
  afterAll(async () => {
    await registry?.close()
    await pharos?.close()
  })

  it('of three engines make contexts of an image soon after it was scanned', async () => {
    await enrichers.activate(setOf(threeEngines(1)))
    const digest = await scan('alpine')
    const contexts = await enrichers.settled(digest, owners)
    const findings = await pharos.api.findings(digest)
    expect(contexts).toMatchObject({
      owner: { data: { team: 'nobody', version: 1 }, state: 'current' },
      distro: { data: { name: 'alpine', isAlpine: true }, state: 'current' },
      findings: { data: { count: findings.length }, state: 'current' },
    })
    expect(findings.length).toBeGreaterThan(0)
  })

  it('can be asked for in queries of images and findings', async () => {
    for (const name of names.slice(1)) await enrichers.settled(await scan(name), owners)
    const images = async (filter: string): Promise<string[]> =>
      (await pharos.api.call('GET', `/images?filter=${encodeURIComponent(filter)}`, ImagePage)).items.map(({ digest }) => digest)
    expect(await images('context.distro.name = debian')).toEqual([digestOf('debian')])
    expect((await images('context.distro.isAlpine = true')).sort()).toEqual([digestOf('alpine'), digestOf('npm')].sort())
    const found = await pharos.api.call(
      'GET',
      `/findings?limit=500&filter=${encodeURIComponent('context.distro.name = debian')}`,
      FindingPage,
    )
    expect(found.items.length).toBe((await pharos.api.findings(digestOf('debian'))).length)
  })

  it('make a context of each running workload, with what its cluster tells', async () => {
    const digest = digestOf('npm')
    const snapshot = snapshotOf(1, references.get('npm') ?? '', digest, 'shop')
    await pharos.api.call('PUT', '/workloads/clusters/prod', WorkloadSnapshotAnswer, { body: snapshot })
    const workloads = () =>
      pharos.api.call('GET', `/workloads?filter=${encodeURIComponent('context.owner.team = shop')}`, FleetWorkloadPage)
    const { items } = await pollUntil(
      async () => {
        const page = await workloads()
        return page.items.length > 0 ? page : undefined
      },
      { timeoutMs: 60_000, intervalMs: 100, what: 'the context of the workload' },
    )
    expect(items).toMatchObject([{ namespace: 'shop', contexts: { owner: { team: 'shop', version: 1 } } }])
    // What is said of the image itself is not what is said of one that runs it.
    expect((await enrichers.settled(digest, owners))['owner']?.data).toMatchObject({ team: 'nobody' })
  })

  it('run over the whole fleet when another set is activated, and nothing is scanned', async () => {
    const before = await taskCount()
    registry.reset()
    const set = await enrichers.push(setOf(threeEngines(2)))
    const compared = await enrichers.ended((await enrichers.begin(set.id, 'compare')).id)
    expect(compared.contexts).toMatchObject({ added: 0, changed: 4, removed: 0, failed: 0 })
    for (const name of names) expect((await enrichers.settled(digestOf(name), owners))['owner']?.data).toMatchObject({ version: 1 })
    const activated = await enrichers.ended((await enrichers.begin(set.id, 'activate')).id)
    expect(activated.contexts).toEqual(compared.contexts)
    expect(activated.subjects).toMatchObject({ done: 4, failed: 0 })
    for (const name of names) expect((await enrichers.settled(digestOf(name), owners))['owner']?.data).toMatchObject({ version: 2 })
    expect([await taskCount(), registry.requests]).toEqual([before, []])
  })

  it('that never end leave their error and the others’ contexts, and no scan waits for them', async () => {
    await enrichers.activate(setOf({ ...threeEngines(3), loop }))
    const digest = await scan('debian', true)
    const contexts = await enrichers.settled(digest, owners)
    expect(contexts).toMatchObject({ owner: { data: { version: 3 } }, distro: { state: 'current' }, findings: { state: 'current' } })
    const overview = await pollUntil(
      async () => {
        const { enrichers: all } = await pharos.api.call('GET', '/enrichers', EnricherOverview)
        return all.find(({ name, failures }) => name === 'loop' && failures > 0)
      },
      { timeoutMs: 60_000, intervalMs: 200, what: 'the failure of the loop' },
    )
    expect(overview.lastError?.error).toMatchObject({ kind: 'timeout', script: 'loop/script.starlark', engine: 'starlark' })
    expect((await enrichers.contexts(digest)).enrichment).toMatchObject({ state: 'failed' })
  })

  it('keep what they made last when they begin to fail', async () => {
    const failing: Script = { step: 'starlark', text: 'def enrich(input):\n    fail("no more")\n' }
    await enrichers.activate(setOf({ ...threeEngines(4), distro: failing }))
    expect((await enrichers.settled(digestOf('alpine'), owners))['distro']).toMatchObject({
      data: { name: 'alpine' },
      state: 'failed',
      error: { kind: 'runtime', line: 2 },
    })
  })

  it('are refused with every mistake, and the running set stays', async () => {
    const wrong = setOf({
      owner: { step: 'starlark', text: 'def enrich(input):\n    return ownr\n' },
      distro: { step: 'hbs', text: '{{ if }}' },
    })
    const before = await pharos.api.call('GET', '/enrichers', EnricherOverview)
    const problem = await pharos.api.problem('POST', '/enrichers/sets', { body: { files: wrong } })
    expect(problem).toMatchObject({ code: 'enricher-set-invalid' })
    expect(problem.errors?.map(({ detail }) => detail)).toEqual([
      expect.stringMatching(/^owner\/script\.starlark:2:\d+: /),
      expect.stringMatching(/^distro\/script\.hbs:1/),
    ])
    expect((await pharos.api.call('GET', '/enrichers', EnricherOverview)).active).toEqual(before.active)
  })

  it('can be tried on a stored image without keeping anything', async () => {
    const script: Script = {
      step: 'starlark',
      text: 'def enrich(input):\n    print("seen")\n    return {"spec": input.payload.Image.ImageSpec}\n',
    }
    const body = { files: setOf({ tried: script }), image: digestOf('npm') }
    const { problems, outcomes } = await pharos.api.call('POST', '/enrichers:test', EnricherTestAnswer, { body })
    expect({ problems, outcomes }).toMatchObject({
      problems: [],
      outcomes: [{ enricher: 'tried', ok: true, data: { spec: references.get('npm') }, prints: [expect.stringContaining('seen')] }],
    })
    expect((await enrichers.contexts(digestOf('npm'))).items.some(({ owner }) => owner === 'tried')).toBe(false)
  })

  it('run by the command on the payload of a stored image, and are sent by it', async () => {
    const folder = join(pharos.home, 'enrichers')
    for (const { path, content } of setOf(threeEngines(5))) {
      await mkdir(dirname(join(folder, path)), { recursive: true })
      await writeFile(join(folder, path), content)
    }
    const ran = await enricherCommand('run', folder, '--image', digestOf('alpine'))
    expect(ran.exitCode).toBe(0)
    expect(EnricherTestAnswer.parse(JSON.parse(ran.stdout)).outcomes).toMatchObject([
      { enricher: 'owner', ok: true, data: { version: 5 } },
      { enricher: 'distro', ok: true, data: { name: 'alpine' } },
      { enricher: 'findings', ok: true },
    ])
    expect(await enricherCommand('push', folder, '--activate', '--wait')).toMatchObject({ exitCode: 0 })
    expect((await enrichers.settled(digestOf('alpine'), owners))['owner']?.data).toMatchObject({ version: 5 })
    await writeFile(join(folder, 'owner/script.starlark'), 'def enrich(input):\n    return ownr\n')
    expect(await enricherCommand('push', folder)).toMatchObject({ exitCode: 7, stderr: expect.stringContaining('owner/script.starlark:2') })
    expect(await enricherCommand('run', folder, '--sample', '--remote')).toMatchObject({ exitCode: 7 })
  })
})
