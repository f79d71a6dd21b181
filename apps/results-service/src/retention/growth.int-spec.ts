import { randomUUID } from 'node:crypto'
import type { ScanReport, StorageUsage } from '@pharos/contracts'
import { FakeClock } from '@pharos/service-kit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { admin, type ResultsApp, startResultsApp } from '../__tests__/results-app.js'
import { ReportIntake } from '../attempts/report-intake.js'
import { match, simpleReport } from '../ingest/__tests__/report-builder.js'
import { receiveReport } from '../ingest/received-report.js'

const imageCount = 20
const rounds = 30
/** Pages that a table may take more after all rounds: what is updated stands several times until it is vacuumed. */
const slackPages = 4
const pageBytes = 8192

let app: ResultsApp
let tables: string[]
const clock = new FakeClock(new Date('2026-11-24T08:00:00.000Z'))
beforeAll(async () => {
  app = await startResultsApp({ clock })
  const found = await app.query<{ name: string }>(
    `select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'`,
  )
  tables = found.map(({ name }) => name)
})
afterAll(() => app.close())

const ids = ['CVE-1', 'CVE-2', 'CVE-3']
const reports = Array.from({ length: imageCount }, (_, image) => {
  const names = Array.from({ length: 40 }, (_unused, position) => `package-${(image * 7 + position) % 90}`)
  // A match tells the same of a package in whichever image it is.
  const matches = names.flatMap((_name, position) => ids.map((_id, which) => match(position, which, { details: [] })))
  return simpleReport(`image-${image}`, names, ids, { matches })
})

async function scanAll(): Promise<void> {
  for (const report of reports) {
    await app.results.database.inTransaction((tx) => app.get(ReportIntake).store(tx, received(report)))
  }
}

/** What autovacuum does in its own time. */
const vacuum = () => app.query(`vacuum ${tables.join(', ')}`)

const received = (report: ScanReport) =>
  ({ report: receiveReport(report), run: { id: randomUUID(), digest: report.image.digest }, attempt: { id: randomUUID() } }) as never

/** Pages of each table with its indexes, but for the event log: each scan is an event, which goes in its own time. */
async function pages(): Promise<Record<string, number>> {
  const found = await app.query<{ name: string; bytes: string }>(
    `select relname as name, pg_total_relation_size(oid) as bytes from pg_class
      where relnamespace = 'public'::regnamespace and relkind = 'r' and relname !~ '^event' order by 1`,
  )
  return Object.fromEntries(found.map(({ name, bytes }) => [name, Number(bytes) / pageBytes]))
}

describe('what is stored', () => {
  it(`does not grow when images that do not change are scanned again each day, ${rounds} times`, { timeout: 600_000 }, async () => {
    await scanAll()
    await vacuum()
    const events = async () => Number((await app.query<{ count: string }>('select count(*) from event'))[0]!.count)
    await scanAll()
    const [first, firstEvents] = [await pages(), await events()]
    for (let round = 2; round <= rounds; round += 1) {
      await clock.advance(24 * 3_600_000)
      await scanAll()
      if (round % 5 === 0) await vacuum()
    }
    const grown = Object.entries(await pages()).filter(([name, count]) => count > (first[name] ?? 0) + slackPages)
    expect(grown).toEqual([])
    expect((await events()) - firstEvents).toBe(imageCount * (rounds - 1))
  })

  it('is told by what it is, and for each image', async () => {
    const { body } = await app.request({ method: 'GET', url: '/api/v1/system/storage', principal: admin })
    const usage = body as StorageUsage
    const bytesOf = (name: string) => usage.groups.find((group) => group.name === name)?.bytes ?? 0
    const [size] = await app.query<{ bytes: string }>(
      `select sum(pg_total_relation_size(oid)) as bytes from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'`,
    )
    expect(usage.totalBytes).toBe(Number(size!.bytes))
    expect(usage.groups.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(usage.totalBytes)
    expect(usage.images).toBe(imageCount)
    const perImage = usage.groups.filter(({ isPerImage }) => isPerImage)
    expect(usage.bytesPerImage).toBe(Math.round(perImage.reduce((sum, { bytes }) => sum + bytes, 0) / imageCount))
    expect(bytesOf('findings')).toBeGreaterThan(imageCount * 120 * 100)
    expect(usage.isWithinBudget).toBe(true)
  })
})
