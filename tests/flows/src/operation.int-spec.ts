import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { RegistryPage } from '@pharos/contracts'
import { pollUntil } from '@pharos/service-kit'
import { startRegistry, type TestRegistry } from '@pharos/test-kit'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { holdBlob } from './harness/held-blob.js'
import { hasScanners, importSampleDatabase, type PharosStack, startPharos } from './harness/pharos-stack.js'
import { familyOf, processesWith } from './harness/process-list.js'
import { allowRegistry } from './harness/sample-site.js'
import { buildSmallImage } from './harness/small-image.js'

const password = 'correct-horse-battery-staple'

let pharos: PharosStack
let registry: TestRegistry

describe.skipIf(!hasScanners)('operation', () => {
  beforeAll(async () => {
    pharos = await startPharos({ environment: { 'results-service': { PHAROS_LEASE: '10s' } } })
    await importSampleDatabase(pharos.api)
    registry = await startRegistry({ access: { kind: 'bearer', username: 'robot', password } })
    await allowRegistry(pharos.api, registry.host, { username: 'robot', password })
  })
  afterAll(async () => {
    await registry?.close()
    await pharos?.close()
  })

  it('shows no secret in logs, Redis, process lists, errors or results', async () => {
    const commandLines = new Set<string>()
    const answers: string[] = []
    const sample = setInterval(() => {
      for (const service of pharos.services) for (const { commandLine } of familyOf(service.pid)) commandLines.add(commandLine)
    }, 50)
    const redisTexts = new Set<string>()
    const references = [`${registry.host}/team/none:1`]
    for (let index = 0; index < 4; index += 1) references.push(registry.add(`team/secret-${index}`, '1', (await buildSmallImage()).image))
    const ids = await pharos.api.submitAll(references.map((image) => ({ image })))
    for (const id of ids) {
      const task = await pharos.api.ended(id)
      for (const found of await redisContents(pharos.redis.url)) redisTexts.add(found)
      answers.push((await pharos.api.send('GET', `/scans/${id}`)).text, (await pharos.api.send('GET', `/scans/${id}/result`)).text)
      expect(task.state).toBe(task.image.includes('none') ? 'failed' : 'succeeded')
    }
    clearInterval(sample)
    // A refused credential is the error that would most easily name it.
    await allowRegistry(pharos.api, registry.host, { username: 'robot', password: `${password}-but-wrong` })
    const refused = await pharos.api.scan({ image: references[1] ?? '', force: true })
    expect(refused).toMatchObject({ state: 'failed', failure: { code: 'registry-unauthorized' } })
    await allowRegistry(pharos.api, registry.host, { username: 'robot', password })
    answers.push(JSON.stringify(refused), JSON.stringify(await pharos.api.call('GET', '/registries', RegistryPage)))
    for (const path of ['/audit', '/system', '/tokens', '/schedules']) answers.push((await pharos.api.send('GET', path)).text)

    const shown = [...commandLines, ...redisTexts, ...answers, ...pharos.services.map((service) => service.log())]
    expect(commandLines.size).toBeGreaterThan(pharos.services.length)
    expect(redisTexts.size).toBeGreaterThan(0)
    for (const [name, secret] of secretsOf(pharos))
      expect(shown.filter((one) => one.includes(secret)).map((one) => `${name}: ${one.slice(0, 300)}`)).toEqual([])
  })

  it.each(['api-gateway', 'scanner-worker', 'scheduler', 'results-service'])(
    '%s ends with 0 on SIGTERM, and no task is lost',
    async (name) => {
      const references: string[] = []
      for (let index = 0; index < 6; index += 1)
        references.push(registry.add(`team/${name}-${index}`, '1', (await buildSmallImage()).image))
      const ids = await pharos.api.submitAll(references.map((image) => ({ image })))
      const service = pharos.service(name)
      expect(await service.stop()).toBe(0)
      await service.start()
      for (const id of ids) expect(await pharos.api.ended(id)).toMatchObject({ state: 'succeeded' })
    },
  )

  it('removes at the next start what a killed worker left in its temporary folder', async () => {
    const { image, layerDigest } = await buildSmallImage()
    const held = holdBlob(registry, 'team/killed', layerDigest)
    const { id } = await pharos.api.submit({ image: registry.add('team/killed', '1', image) })
    await held.reached
    const worker = pharos.service('scanner-worker')
    const left = await workFolders(pharos, worker.pid)
    expect(left.length).toBeGreaterThan(0)
    await worker.restart()
    held.release()
    const now = await workFolders(pharos)
    expect(now.filter((folder) => left.some((former) => folder === former || folder.startsWith(`${former}/`)))).toEqual([])
    expect(await pharos.api.ended(id)).toMatchObject({ state: 'succeeded' })
  })

  it('leaves no process and no temporary file behind at the end', async () => {
    for (const service of [...pharos.services].reverse()) expect([service.name, await service.stop()]).toEqual([service.name, 0])
    await pollUntil(() => processesWith(pharos.home).length === 0, { timeoutMs: 10_000, what: 'the end of every process' })
    expect(await workFolders(pharos)).toEqual([])
  })
})

/** What nobody may see, with a name. */
function secretsOf({ settings, redis }: PharosStack): [string, string][] {
  return [
    ['registry password', password],
    ['registry credential', Buffer.from(`robot:${password}`).toString('base64')],
    ['admin token', settings.adminToken],
    ...Object.entries(settings.secrets.serviceKeys).map(([name, key]): [string, string] => [`key of ${name}`, key]),
    ['encryption key', settings.secrets.encryptionKeys.slice('k1='.length)],
    ['Redis password', new URL(redis.url).password],
  ]
}

/** Every key and value of Redis, as texts. */
async function redisContents(url: string): Promise<string[]> {
  const client = new Redis(url)
  try {
    const texts: string[] = []
    for (const key of await client.keys('*')) texts.push(key, await valueOf(client, key))
    return texts
  } finally {
    client.disconnect()
  }
}

async function valueOf(client: Redis, key: string): Promise<string> {
  switch (await client.type(key)) {
    case 'string':
      return (await client.get(key)) ?? ''
    case 'hash':
      return JSON.stringify(await client.hgetall(key))
    case 'list':
      return JSON.stringify(await client.lrange(key, 0, -1))
    case 'set':
      return JSON.stringify(await client.smembers(key))
    case 'zset':
      return JSON.stringify(await client.zrange(key, 0, -1))
    case 'stream':
      return JSON.stringify(await client.xrange(key, '-', '+'))
    default:
      // It ended between being listed and being read.
      return ''
  }
}

/** Folders below the caches that are named after a process: its temporary ones. */
async function workFolders(stack: PharosStack, pid?: number): Promise<string[]> {
  const entries = await readdir(join(stack.home, 'cache'), { recursive: true, withFileTypes: true })
  const named = entries.filter(
    (entry) => entry.isDirectory() && /^\d+-\d+$/.test(entry.name) && (pid === undefined || entry.name.startsWith(`${pid}-`)),
  )
  return named.map((entry) => join(entry.parentPath, entry.name))
}
