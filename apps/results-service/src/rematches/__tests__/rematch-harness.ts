import { createHash, randomBytes } from 'node:crypto'
import {
  ClaimedRematchChunk,
  type DifferenceChunkResults,
  type GenerationRef,
  type PackageChunkResults,
  type RematchChunkAnswer,
  RematchChunkResults,
  ReportVulnerability,
  type ScoreChunkResults,
} from '@pharos/contracts'
import { matchContentHash, silentLogger, vulnerabilityContentHash, vulnerabilityKey } from '@pharos/service-kit'
import { AuditLog } from '../../audit/audit-log.js'
import { DecisionStore } from '../../decisions/decision-store.js'
import { EventLog } from '../../events/event-log.js'
import { SummaryStore } from '../../findings/summary-store.js'
import { createGenerationStores, testConfiguration } from '../../generations/__tests__/generation-stores.js'
import { createInventory } from '../../ingest/__tests__/inventory-harness.js'
import { VexDecisionRules } from '../../vex/vex-decision-rules.js'
import { VexMatchesRepository } from '../../vex/vex-matches.repository.js'
import { VulnerabilityStore } from '../../vulnerabilities/vulnerability-store.js'
import { RematchCourseService, RematchCourseTools } from '../rematch-course.service.js'
import { RematchInputs } from '../rematch-inputs.js'
import { RematchStaging } from '../rematch-staging.js'
import { RematchSwitch, SwitchParts } from '../rematch-switch.js'
import { RematchWorkService, RematchWorkTools } from '../rematch-work.service.js'
import { RematchesService } from '../rematches.service.js'
import { SwitchFindings } from '../switch-findings.js'
import { SwitchImages } from '../switch-images.js'
import { SwitchMatches } from '../switch-matches.js'
import { type Edition, matchContent, matchesIn, recordOf } from './fleet-world.js'

export const engineVersion = '0.121.2'

type Claimed = Exclude<ClaimedRematchChunk, { outcome: 'none' }>

/** Emptied between runs, row by row: these hold few, and a truncate has a file to make for each table and index. */
const written = `rematch rematch_chunk rematch_unit rematch_match rematch_gone rematch_vulnerability rematch_score package_search
  image_reference image image_package image_package_event package package_input package_match
  vulnerability vulnerability_group vulnerability_alias vulnerability_score finding finding_event
  image_engine_result image_summary database_generation generation_chunk event audit_event`.split(/\s+/)

/** The inventory with re-matches, and a worker that reads editions of a made-up database. */
export async function createRematches() {
  const inventory = await createInventory()
  const { database } = inventory.results
  const configuration = testConfiguration as never
  const events = new EventLog(database, { eventsWritten: () => undefined } as never)
  const stores = createGenerationStores(database, events, inventory.clock)
  const summaries = new SummaryStore()
  const decisions = new VexDecisionRules(new VexMatchesRepository(), new DecisionStore(summaries, events), summaries)
  const findings = new SwitchFindings()
  const parts = new SwitchParts(new SwitchMatches(new VulnerabilityStore()), findings, new SwitchImages(), summaries, decisions)
  const switchover = new RematchSwitch(parts, stores.chunks, events, configuration, inventory.clock)
  const work = new RematchWorkService(
    database,
    new RematchWorkTools(stores.rematches, stores.chunks, new RematchInputs(), new RematchStaging(), stores.transitions, stores.planner),
    // Tests say when it goes on.
    { hasten: () => undefined } as never,
    configuration,
    inventory.clock,
  )
  const course = new RematchCourseService(
    database,
    new RematchCourseTools(stores.rematches, stores.chunks, switchover, stores.transitions, stores.judgement, stores.planner),
    { start: () => undefined } as never,
    silentLogger(),
    configuration,
  )
  const service = new RematchesService(database, stores.rematches, stores.planner, stores.transitions, new AuditLog(), inventory.clock)

  /** Uploads a database and has its engine accept it; built `day` days into the month. */
  async function bring(day: number, verdict: { allowOlder?: boolean } = {}) {
    const bytes = randomBytes(20)
    const checksum = createHash('sha256').update(bytes).digest('hex')
    const { id } = await stores.generations.create({ engine: 'grype', source: 'feed', checksum, fileName: 'db.tar.zst' })
    await stores.generations.writeArchive(
      id,
      (async function* () {
        yield await Promise.resolve(bytes)
      })(),
    )
    return stores.generations.verdict(id, {
      accepted: true,
      schemaVersion: 'v6.1.10',
      builtAt: new Date(Date.UTC(2026, 10, day)).toISOString(),
      isSample: false,
      problem: null,
      allowOlder: verdict.allowOlder ?? false,
    })
  }

  const active = (): Promise<GenerationRef[]> => stores.generations.active(database.runner)

  async function claim(version = engineVersion): Promise<Claimed | null> {
    // Through the contract, as over HTTP.
    const claimed = ClaimedRematchChunk.parse(await work.claim({ workerId: 'worker-1', engineVersion: version, comparesDatabases: true }))
    return claimed.outcome === 'none' ? null : claimed
  }

  function deliver(claimed: Claimed, results: RematchChunkResults): Promise<RematchChunkAnswer> {
    return work.deliver({ rematchId: claimed.rematchId, number: claimed.chunk, token: claimed.token }, RematchChunkResults.parse(results))
  }

  /** Takes chunks and delivers what the editions say, until there is none. Returns how many were delivered. */
  async function workAll(edition: Edition, former: Edition | null): Promise<number> {
    for (let delivered = 0; ; delivered += 1) {
      const claimed = await claim()
      if (claimed === null) return delivered
      await deliver(claimed, resultsOf(claimed, edition, former))
    }
  }

  return {
    ...stores,
    inventory,
    work,
    course,
    service,
    parts,
    bring,
    active,
    claim,
    deliver,
    workAll,
    query: inventory.query,
    ingest: async (report: Parameters<typeof inventory.ingest>[0]) => inventory.ingest(report, await active()),
    running: () =>
      inventory.query<{ id: string; state: string; round: number }>('select id, state, round from rematch where ended_at is null'),
    /** Does everything that is left of a re-match. */
    finish: async (edition: Edition, former: Edition | null): Promise<void> => {
      for (let round = 0; round < 5; round += 1) {
        await workAll(edition, former)
        await course.advance()
        const left = await inventory.query('select id from rematch where ended_at is null')
        if (left.length === 0) return
      }
      throw new Error('the re-match does not end')
    },
    clear: async (): Promise<void> => {
      for (const table of written) await database.runner.query(`delete from ${table}`)
    },
  }
}

export type Rematches = Awaited<ReturnType<typeof createRematches>>

/** What a worker finds in a chunk: in full only what differs from what is stored, as real ones do it. */
export function resultsOf(claimed: Claimed, edition: Edition, former: Edition | null): RematchChunkResults {
  if (claimed.kind === 'difference') return differenceResults(edition, former)
  return claimed.kind === 'packages' ? packageResults(claimed, edition, former) : scoreResults(claimed, edition)
}

const keysVersion = `${engineVersion}-1`

/** Two names share a key, as names may whose sums clash. */
const keyOfName = (name: string): number => name.charCodeAt(0) % 4

function differenceResults(edition: Edition, former: Edition | null): DifferenceChunkResults {
  const isOther = (one: unknown, other: unknown): boolean => JSON.stringify(one) !== JSON.stringify(other)
  const names = Object.keys(edition.matches).filter((name) => former === null || isOther(matchesIn(edition, name), matchesIn(former, name)))
  const records: string[] = []
  const scores: string[] = []
  for (const number of edition.records.keys()) {
    const [now, then] = [recordOf(edition, number), former && recordOf(former, number)]
    const risks = [edition.records[number]?.risk, former?.records[number]?.risk]
    const isOtherRecord = then === null || vulnerabilityContentHash(now) !== vulnerabilityContentHash(then) || risks[0] !== risks[1]
    if (isOtherRecord) records.push(now.nativeId.toLowerCase())
    else if (isOther(now, then)) scores.push(now.nativeId.toLowerCase())
  }
  return {
    kind: 'difference',
    engineVersion,
    keysVersion,
    isEverything: former === null,
    keys: [...new Set(names.map(keyOfName))],
    records,
    scores,
  }
}

function packageResults(claimed: Extract<Claimed, { kind: 'packages' }>, edition: Edition, former: Edition | null): PackageChunkResults {
  const known = new Set(claimed.units.flatMap(({ open }) => open.map(([key]) => key)))
  const results: PackageChunkResults = { kind: 'packages', engineVersion, skipped: [], failed: [], vulnerabilities: [], matches: [] }
  const positions = new Map<number, number>()
  if (claimed.withKeys === true)
    results.keys = {
      version: keysVersion,
      units: claimed.units.map(({ id, input }) => [id, [keyOfName((JSON.parse(input) as { name: string }).name)]]),
    }
  for (const unit of claimed.units) {
    const { name } = JSON.parse(unit.input) as { name: string }
    const found = matchesIn(edition, name)
    const isSame = former !== null && JSON.stringify(found) === JSON.stringify(matchesIn(former, name))
    if (claimed.formerGeneration !== null && isSame) {
      results.skipped.push(unit.id)
      continue
    }
    for (const item of found) {
      const record = ReportVulnerability.parse(recordOf(edition, item.record))
      const key = vulnerabilityKey(record)
      const risk = edition.records[item.record]?.risk ?? 0
      const known_ = known.has(key) ? null : { vulnerability: record, risk }
      const position = positions.get(item.record) ?? results.vulnerabilities.push({ key, document: known_ }) - 1
      positions.set(item.record, position)
      const content = matchContent(item)
      const contentHash = matchContentHash(content)
      const isOpen = unit.open.some(([openKey, hash]) => openKey === key && hash === contentHash)
      results.matches.push({ unit: unit.id, vulnerability: position, contentHash, content: isOpen ? null : content })
    }
  }
  return results
}

function scoreResults(claimed: Extract<Claimed, { kind: 'scores' }>, edition: Edition): ScoreChunkResults {
  const records = new Map(
    edition.records.map((facts, number) => {
      const record = ReportVulnerability.parse(recordOf(edition, number))
      return [vulnerabilityKey(record), { record, risk: facts.risk }]
    }),
  )
  return {
    kind: 'scores',
    engineVersion,
    scores: claimed.vulnerabilities.flatMap((stored) => {
      const found = records.get(vulnerabilityKey(stored))
      if (found === undefined) return []
      const { record, risk } = found
      const document = vulnerabilityContentHash(record) === stored.contentHash ? null : record
      return [{ id: stored.id, risk, epss: record.epss, kev: record.kev, document }]
    }),
  }
}
