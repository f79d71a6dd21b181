import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import {
  buildSampleImages,
  pharosHome,
  sampleDatabases,
  sampleImageNames,
  type SampleImages,
  toolPath,
  writeOciLayout,
} from '@pharos/test-kit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { WorkerFixture } from '../__tests__/worker-fixture.js'

const run = promisify(execFile)
const hasTools = ['pharos-engine', 'grype', 'pharos-sampledb'].every((name) => existsSync(toolPath(name)))
const GrypeOutput = z.object({
  matches: z.array(
    z.object({
      vulnerability: z.object({ id: z.string(), namespace: z.string() }),
      artifact: z.object({ name: z.string(), version: z.string() }),
    }),
  ),
})

let fixture: WorkerFixture
let samples: SampleImages

beforeAll(async () => {
  if (!hasTools) return
  fixture = await WorkerFixture.start()
  samples = await buildSampleImages()
  const databases = await sampleDatabases()
  if (!databases.isAvailable) throw new Error(databases.reason)
  fixture.results.archive = await readFile(databases.value.grype.archivePath)
  fixture.results.leaseMs = 30_000
  await fixture.startWorker({ home: pharosHome() })
}, 600_000)
afterAll(() => fixture?.close())

/** What the grype command finds in the image, in the same database. */
async function reference(name: (typeof sampleImageNames)[number]): Promise<string[]> {
  const image = samples.images.get(name)
  if (image === undefined) throw new Error(`no image ${name}`)
  const layout = join(fixture.home, 'layouts', name)
  await mkdir(layout, { recursive: true })
  await writeOciLayout(layout, image)
  const { stdout } = await run(toolPath('grype'), ['-o', 'json', '--', `oci-dir:${layout}`], {
    maxBuffer: 1e9,
    env: {
      PATH: '/usr/bin:/bin',
      HOME: fixture.home,
      GRYPE_DB_CACHE_DIR: join(fixture.home, 'cache', 'databases', 'grype', fixture.results.checksum),
      GRYPE_DB_AUTO_UPDATE: 'false',
      GRYPE_DB_VALIDATE_AGE: 'false',
      GRYPE_CHECK_FOR_APP_UPDATE: 'false',
    },
  })
  return GrypeOutput.parse(JSON.parse(stdout))
    .matches.map(({ vulnerability, artifact }) => [vulnerability.id, vulnerability.namespace, artifact.name, artifact.version].join(' '))
    .sort()
}

describe.skipIf(!hasTools)('the whole way of a sample image, with the real engine and database', () => {
  it.each(sampleImageNames)(
    '%s: from the registry to a report with the findings of the grype command',
    async (name) => {
      const image = samples.images.get(name)
      if (image === undefined) throw new Error(samples.unavailable.get(name) ?? name)
      const { job, attemptId } = fixture.task({ reference: fixture.registry.add(`sample/${name}`, '1.0', image) })
      await fixture.enqueue(job, 'interactive')
      await fixture.called('report', attemptId)
      const report = fixture.results.report(attemptId)
      const [grype] = report.engines
      expect(grype).toMatchObject({ engine: 'grype', status: 'complete', reasons: [], database: { isSample: true } })
      const found = (grype?.matches ?? [])
        .map((match) => {
          const vulnerability = grype?.vulnerabilities[match.vulnerability]
          const entry = report.packages[match.package]
          return [vulnerability?.nativeId, vulnerability?.namespace, entry?.name, entry?.version].join(' ')
        })
        .sort()
      expect(found).toEqual(await reference(name))
      expect(found.length).toBeGreaterThan(0)
      // Each package comes with what the fleet is judged by when the next database is there.
      expect(report.matcherInputs?.split('\n').filter((input) => input.startsWith('{"v":1'))).toHaveLength(report.packages.length)
      expect(report.packages.filter(({ matchKey }) => !/^[0-9a-f]{32}$/.test(matchKey ?? ''))).toEqual([])
    },
    120_000,
  )
})
