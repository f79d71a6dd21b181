import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { FindingPage, type ScanTask } from '@pharos/contracts'
import { buildSampleImage, findTool, sampleDatabases, type SampleImageName, startRegistry, type TestRegistry } from '@pharos/test-kit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasScanners, importSampleDatabase, type PharosStack, startPharos } from './harness/pharos-stack.js'
import { allowRegistry } from './harness/sample-site.js'

const run = promisify(execFile)

let pharos: PharosStack
let registry: TestRegistry

async function scan(name: SampleImageName): Promise<ScanTask> {
  return pharos.api.scan({ image: registry.add(`samples/${name}`, '1', await buildSampleImage(name)), engines: ['grype', 'trivy'] })
}

const hasTrivy = findTool('trivy') !== undefined
describe.skipIf(!hasScanners || !hasTrivy)(`two engines${hasTrivy ? '' : ' (skipped: trivy not found on PATH)'}`, () => {
  beforeAll(async () => {
    pharos = await startPharos()
    registry = await startRegistry()
    await importSampleDatabase(pharos.api)
    await importTrivyDatabase()
    await allowRegistry(pharos.api, registry.host)
  })
  afterAll(async () => {
    await registry?.close()
    await pharos?.close()
  })

  it.each(['npm', 'alpine', 'debian'] as const)('both judge %s, and what they agree on is one finding with two reporters', async (name) => {
    const task = await scan(name)
    expect(task, JSON.stringify(task.failure)).toMatchObject({
      state: 'succeeded',
      outcomes: [
        { engine: 'grype', status: 'complete' },
        { engine: 'trivy', status: 'complete' },
      ],
    })
    const { items } = await pharos.api.call(
      'GET',
      `/findings?limit=500&filter=${encodeURIComponent(`digest = "${task.digest}"`)}`,
      FindingPage,
    )
    const reporters = items.map(({ reportedBy = [] }) => reportedBy.map(({ engine }) => engine).join('+'))
    expect(reporters).toContain('grype+trivy')
    const keys = items.map(({ vulnerability, package: found, locations }) =>
      JSON.stringify([vulnerability.id, found.type, found.name, locations]),
    )
    expect(keys.length).toBe(new Set(keys).size)
    for (const { reportedBy = [], differences = [] } of items)
      expect(differences.some(({ kind }) => kind === 'only-one')).toBe(reportedBy.length === 1)
  })
})

async function importTrivyDatabase(): Promise<void> {
  const databases = await sampleDatabases()
  if (!databases.isAvailable) throw new Error(databases.reason)
  const directory = await mkdtemp(join(tmpdir(), 'pharos-trivy-'))
  try {
    const archive = join(directory, 'trivy.tar.gz')
    await run('tar', ['-czf', archive, '-C', databases.value.trivy.directory, 'db'])
    const generation = await pharos.api.importDatabase(await readFile(archive), 'engine=trivy&allowOlder=true&source=sample')
    expect(generation).toMatchObject({ state: 'active' })
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}
