import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { ImageDetail, ScanResult } from '@pharos/contracts'
import { type SampleImageName, sampleImageNames, type TestRegistry } from '@pharos/test-kit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { commandPath, pharosCommand } from './harness/pharos-command.js'
import { hasScanners, importSampleDatabase, type PharosStack, startPharos } from './harness/pharos-stack.js'
import { openSampleSite } from './harness/sample-site.js'
import { packageKey, ScannerCommands, storedFindingKeys } from './harness/scanner-commands.js'

let pharos: PharosStack
let registry: TestRegistry
let references: Map<SampleImageName, string>
let commands: ScannerCommands
const digests = new Map<SampleImageName, string>()

describe.skipIf(!hasScanners)('the main job', () => {
  beforeAll(async () => {
    pharos = await startPharos()
    const { archivePath } = await importSampleDatabase(pharos.api)
    commands = await ScannerCommands.withDatabase(join(pharos.home, 'commands'), archivePath)
    ;({ registry, references } = await openSampleSite(pharos.api))
  })
  afterAll(async () => {
    await registry?.close()
    await pharos?.close()
  })

  it.each(sampleImageNames)('finds in %s exactly what the grype command finds', async (name) => {
    const reference = referenceOf(name)
    const answer = await pharos.api.send('POST', '/scans?wait=60s', { body: { image: reference } })
    expect(answer.status).toBe(200)
    const { task, image } = ScanResult.parse(answer.json)
    expect(task).toMatchObject({ state: 'succeeded', outcomes: [{ engine: 'grype', status: 'complete', database: { isSample: true } }] })
    digests.set(name, image.digest)

    const stored = await pharos.api.findings(image.digest)
    expect(storedFindingKeys(stored)).toEqual(await commands.findings(reference))
    expect(stored.length).toBeGreaterThan(0)
  })

  it.each(sampleImageNames)('lists the packages of %s as syft does', async (name) => {
    const stored = await pharos.api.packages(digestOf(name))
    expect(stored.map(packageKey).sort()).toEqual(await commands.packages(referenceOf(name)))
  })

  it.each([
    ['syft', ({ artifacts }: Sboms) => artifacts?.map(({ name }) => name)],
    ['cyclonedx', ({ components }: Sboms) => components?.map(({ name }) => name)],
    ['spdx', ({ packages }: Sboms) => packages?.map(({ name }) => name)],
  ] as const)('hands out the SBOM as %s', async (format, namesOf) => {
    const answer = await pharos.api.send('GET', `/images/${digestOf('npm')}/sbom?format=${format}`)
    expect(answer.status).toBe(200)
    expect(namesOf(JSON.parse(answer.text) as Sboms)).toEqual(expect.arrayContaining(['lodash', 'busybox']))
  })

  it('streams every phase of a scan, each state once, and ends with the task', async () => {
    const { id } = await pharos.api.submit({ image: referenceOf('python'), force: true })
    const events = await pharos.api.events(id)
    expect(events.at(-1)).toMatchObject({ id, state: 'succeeded', phase: 'done' })
    const versions = events.map(({ version }) => version)
    expect(versions).toEqual([...new Set(versions)].sort((left, right) => left - right))
  })

  it('reuses the catalogue when an image is scanned again', async () => {
    registry.reset()
    const task = await pharos.api.scan({ image: referenceOf('npm') })
    expect(task.state).toBe('succeeded')
    const layers = (await pharos.api.call('GET', `/images/${digestOf('npm')}`, ImageDetail)).layers.map(({ digest }) => digest)
    expect(layers.length).toBeGreaterThan(0)
    expect(registry.requests.filter(({ path }) => layers.some((digest) => path.endsWith(digest)))).toEqual([])
  })

  it('answers at once when a result is fresh enough', async () => {
    const before = (await pharos.api.send('GET', `/images/${digestOf('npm')}`)).json as { lastScannedAt: string }
    const answer = await pharos.api.send('POST', '/scans?wait=30s', { body: { image: referenceOf('npm'), maxAge: '1h' } })
    expect(answer.status).toBe(200)
    expect(ScanResult.parse(answer.json).image.lastScannedAt).toBe(before.lastScannedAt)
  })

  it.each([
    ['0 for a scan with a result', (): string[] => ['scan', referenceOf('alpine')], 0],
    ['5 when a finding is as severe as --fail-on names', (): string[] => ['scan', referenceOf('npm'), '--fail-on', 'critical'], 5],
    ['3 for an image that is not there', (): string[] => ['scan', `${registry.host}/sample/none:1.0`], 3],
    ['2 for a wrong command line', (): string[] => ['scan'], 2],
    ['6 when the result does not come in time', (): string[] => ['scan', referenceOf('debian'), '--force', '--timeout', '1ms'], 6],
  ])('the command exits %s', async (_sentence, argumentsOf, exitCode) => {
    expect(await pharosCommand(pharos.api, argumentsOf())).toMatchObject({ exitCode })
  })

  it('the command prints what it found as JSON', async () => {
    const { stdout } = await pharosCommand(pharos.api, ['scan', referenceOf('npm'), '--output', 'json'])
    const { image, topFindings } = ScanResult.parse(JSON.parse(stdout))
    expect(image.digest).toBe(digestOf('npm'))
    expect(topFindings.map(({ vulnerability }) => vulnerability.id)).toContain('CVE-2021-23337')
  })

  it('the command ends quietly when nobody reads on', async () => {
    const child = spawn(process.execPath, [commandPath, '--help'], { stdio: ['ignore', 'pipe', 'pipe'] })
    child.stdout.destroy()
    const [stderr, exitCode] = await Promise.all([text(child.stderr), new Promise((resolve) => child.once('close', resolve))])
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 })
  })
})

interface Sboms {
  artifacts?: { name: string }[]
  components?: { name: string }[]
  packages?: { name: string }[]
}

function referenceOf(name: SampleImageName): string {
  return references.get(name) ?? `no reference of ${name}`
}

function digestOf(name: SampleImageName): string {
  return digests.get(name) ?? `no digest of ${name}`
}
