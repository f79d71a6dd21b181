import { join } from 'node:path'
import { AffectedCount, Rematch, RematchPage, Schedule, ScanTaskPage, Watch } from '@pharos/contracts'
import { pollUntil } from '@pharos/service-kit'
import { type DatabaseFeed, sampleDatabases, type SampleEdition, startDatabaseFeed, type TestRegistry } from '@pharos/test-kit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasScanners, type PharosStack, startPharos } from './harness/pharos-stack.js'
import { openSampleSite } from './harness/sample-site.js'
import { ScannerCommands, storedFindingKeys } from './harness/scanner-commands.js'
import { buildSmallImage } from './harness/small-image.js'

let pharos: PharosStack
let registry: TestRegistry
let references: Map<string, string>
let feed: DatabaseFeed

describe.skipIf(!hasScanners)('what happens because time passes', () => {
  beforeAll(async () => {
    feed = await startDatabaseFeed((await database('current')).directory)
    pharos = await startPharos({
      environment: { scheduler: { PHAROS_GRYPE_DATABASE_URL: feed.latestUrl, PHAROS_DATABASE_UPDATES: 'true' } },
    })
    ;({ registry, references } = await openSampleSite(pharos.api))
  })
  afterAll(async () => {
    await registry?.close()
    await feed?.close()
    await pharos?.close()
  })

  it('takes the database of the feed into use without being asked', async () => {
    const { builtAt } = await database('current')
    const active = await pharos.api.database(({ state }) => state === 'active')
    expect(active).toMatchObject({ engine: 'grype', isSample: true, source: 'feed' })
    expect(Date.parse(active.builtAt ?? '')).toBe(Date.parse(builtAt))
  })

  it('judges every image by a newer database when one is published, without a pull and without a scan', async () => {
    const digests = new Map<string, string>()
    for (const [name, image] of references) {
      const task = await pharos.api.scan({ image })
      expect(task.state).toBe('succeeded')
      digests.set(name, task.digest ?? '')
    }
    registry.reset()
    const next = await database('next')
    feed.publish(next.directory)
    await pharos.api.call('POST', '/databases:update', AffectedCount)
    const activated = await pharos.api.database(
      ({ state, builtAt }) => state === 'active' && Date.parse(builtAt ?? '') === Date.parse(next.builtAt),
    )
    expect(activated.isSample).toBe(true)
    const rematch = await rematchOf(activated.id)
    expect(rematch).toMatchObject({ isNarrowed: true, problem: null })
    expect(rematch.report.packages.failed).toBe(0)
    expect(rematch.report.packages.matched).toBeGreaterThan(0)
    expect(rematch.report.packages.skipped).toBeGreaterThan(0)
    // The images of other platforms and partial results are the only ones that a scan has to judge.
    expect(rematch.report.images.covered).toBeGreaterThanOrEqual(references.size)
    expect(rematch.report.images.rescanned).toBe(0)
    expect(registry.requests).toEqual([])
    const { items: tasks } = await pharos.api.call('GET', '/scans?limit=500', ScanTaskPage)
    expect(tasks.filter(({ cause }) => cause === 'database')).toEqual([])

    const commands = await ScannerCommands.withDatabase(join(pharos.home, 'commands'), next.archivePath)
    for (const [name, image] of references) {
      const stored = await pharos.api.findings(digests.get(name) ?? '')
      expect([name, storedFindingKeys(stored)]).toEqual([name, await commands.findings(image)])
    }
    const npm = await pharos.api.findings(digests.get('npm') ?? '')
    expect(npm.map(({ vulnerability }) => vulnerability.id)).toContain('CVE-2026-90002')
    expect(npm.find(({ vulnerability }) => vulnerability.id === 'CVE-2021-23337')).toMatchObject({
      vulnerability: { severity: 'critical' },
    })
    const gone = await pharos.api.findings(digests.get('debian-app') ?? '', '&state=gone')
    expect(gone.map(({ vulnerability }) => vulnerability.id)).toContain('CVE-2023-38546')
  })

  it('finds nothing new when every package is matched once more in the same database', async () => {
    const started = await pharos.api.call('POST', '/rematches', Rematch, { body: { full: true } })
    const { report } = await pollUntil(
      async () => {
        const rematch = await pharos.api.call('GET', `/rematches/${started.id}`, Rematch)
        return rematch.state === 'done' ? rematch : undefined
      },
      { timeoutMs: 60_000, intervalMs: 200, what: 'the re-match in full' },
    )
    expect(report.packages).toMatchObject({ skipped: 0, failed: 0 })
    // What scans and re-matches say of a match is the same, to the last character.
    expect(report.matches).toEqual({ appeared: 0, gone: 0, changed: 0, changedFix: 0 })
    expect(report.findings).toEqual({ appeared: 0, gone: 0, changed: 0 })
    expect(report.vulnerabilities).toMatchObject({ changedSeverity: 0, changedKev: 0, epssCrossed: 0 })
  })

  it('has left what a scan in the new database says, down to ids, risk and scores', async () => {
    for (const name of ['debian-app', 'npm'] as const) {
      const image = references.get(name) ?? ''
      const told = async () => {
        const { digest } = await pharos.api.scan({ image })
        const found = await pharos.api.findings(digest ?? '')
        return found.map(({ id, risk, vulnerability, fix }) => ({ id, risk, fix, vulnerability }))
      }
      const before = await told()
      expect(before.length).toBeGreaterThan(0)
      await pharos.api.scan({ image, force: true })
      expect(await told()).toEqual(before)
    }
  })

  it('scans new tags of a watched repository: at its schedule, and when its registry says so', async () => {
    const first = await buildSmallImage()
    registry.add('team/watched', 'v1', first.image)
    const watch = await pharos.api.call('POST', '/watches', Watch, {
      body: { repository: `${registry.host}/team/watched`, tags: ['v*'], every: '1h' },
    })
    await scannedBy('watch', first.digest)

    const second = await buildSmallImage()
    registry.add('team/watched', 'v2', second.image)
    const notification = {
      events: [
        {
          id: 'e1',
          action: 'push',
          target: { repository: 'team/watched', tag: 'v2', digest: second.digest },
          request: { host: registry.host },
        },
      ],
    }
    const answer = await pharos.api.send('POST', `/watches/${watch.id}/notifications`, {
      body: notification,
      headers: { authorization: `Bearer ${watch.notificationToken ?? ''}` },
    })
    expect(answer.status).toBe(202)
    await scannedBy('watch', second.digest)
  })

  it('runs a schedule at once when it is told to', async () => {
    const before = await pharos.api.call('PATCH', '/schedules/expiry', Schedule, { body: { runNow: true } })
    const after = await pollUntil(
      async () => {
        const schedule = await pharos.api.call('PATCH', '/schedules/expiry', Schedule, { body: {} })
        return schedule.lastRunAt !== before.lastRunAt ? schedule : undefined
      },
      { timeoutMs: 30_000, what: 'a run of the expiry' },
    )
    expect(after.lastOutcome).toBeTypeOf('string')
  })
})

async function rematchOf(generationId: string): Promise<Rematch> {
  return pollUntil(
    async () => {
      const { items } = await pharos.api.call('GET', '/rematches', RematchPage)
      return items.find((item) => item.generationId === generationId && item.state === 'done')
    },
    { timeoutMs: 60_000, intervalMs: 200, what: `the re-match in ${generationId}` },
  )
}

async function scannedBy(cause: string, digest: string): Promise<void> {
  await pollUntil(
    async () => {
      const { items } = await pharos.api.call('GET', `/scans?digest=${encodeURIComponent(digest)}`, ScanTaskPage)
      return items.some((task) => task.cause === cause && task.state === 'succeeded')
    },
    { timeoutMs: 60_000, intervalMs: 200, what: `a scan of ${digest} with cause ${cause}` },
  )
}

async function database(edition: SampleEdition): Promise<{ directory: string; archivePath: string; builtAt: string }> {
  const found = await sampleDatabases(edition)
  if (!found.isAvailable) throw new Error(found.reason)
  return found.value.grype
}
