import { gzipSync } from 'node:zlib'
import {
  ClaimedEnrichment,
  type EnricherFile,
  type EnricherOutcome,
  type EnricherPayload,
  enrichmentChunkPath,
  enrichmentClaimPath,
  type EnrichmentResults,
  EnrichmentSubject,
  enrichmentTokenHeader,
  type Principal,
  type ScanReport,
  type StoredEnricherSet,
} from '@pharos/contracts'
import type { Clock } from '@pharos/service-kit'
import { admin, type ResultsApp, startResultsApp, type TestAnswer } from '../../__tests__/results-app.js'
import { receiveReport } from '../../ingest/received-report.js'
import { ScanStorage } from '../../runs/scan-storage.js'
import { EnrichmentCourseService } from '../enrichment-course.service.js'

type Claimed = Extract<ClaimedEnrichment, { outcome: 'claimed' }>

/** Work as a worker holds it: the head, and pairs of a subject and its payload. */
export interface HeldChunk {
  readonly head: Claimed
  readonly subjects: { readonly subject: EnrichmentSubject; readonly payload: EnricherPayload; readonly text: string }[]
}

/** What enrichers of a test make of a payload: data by the enricher's name; a text is the message of its error. */
export type TestEnrichers = (payload: EnricherPayload) => Record<string, Record<string, unknown> | string>

/** results-service with a worker that a test plays. */
export interface EnrichmentWorld {
  readonly app: ResultsApp
  /** Stores a report, as the run of a task does. */
  scan(report: ScanReport, task?: { context: Record<string, unknown>; key?: string }): Promise<void>
  call(method: 'GET' | 'POST' | 'DELETE', path: string, payload?: unknown, principal?: Principal): Promise<TestAnswer>
  /** Sends a set, which a worker finds right. */
  push(names: readonly string[], files?: readonly EnricherFile[]): Promise<StoredEnricherSet>
  /** Sends a set and activates it; the run's work is left to be taken. */
  activate(names: readonly string[]): Promise<{ set: StoredEnricherSet; run: string }>
  claim(): Promise<HeldChunk | null>
  deliver(chunk: Pick<HeldChunk, 'head'>, results: EnrichmentResults): Promise<TestAnswer>
  renew(chunk: Pick<HeldChunk, 'head'>): Promise<TestAnswer>
  fail(chunk: Pick<HeldChunk, 'head'>, failure: { reason: string; isCounted: boolean }): Promise<TestAnswer>
  /** Takes and delivers everything there is. Returns the subjects that were done, in their order. */
  workAll(enrichers: TestEnrichers): Promise<{ digest: string | null; key: string; run: string }[]>
  /** One look of the upkeep. */
  sweep(): Promise<void>
  /** Leases of all chunks are over. */
  lapse(): Promise<void>
  clear(): Promise<void>
  close(): Promise<void>
}

export function outcomesOf(made: Record<string, Record<string, unknown> | string>): EnricherOutcome[] {
  return Object.entries(made).map(([enricher, data]) =>
    typeof data === 'string'
      ? {
          ok: false,
          enricher,
          error: { kind: 'runtime', engine: 'starlark', script: `${enricher}.star`, message: data, line: 1 },
          prints: [],
          ms: 2,
        }
      : { ok: true, enricher, data, prints: [], steps: 3, ms: 1 },
  )
}

/** What a worker delivers of a chunk of subjects. */
export function resultsOf(chunk: HeldChunk, enrichers: TestEnrichers): EnrichmentResults {
  return {
    kind: 'subjects',
    subjects: chunk.subjects.map(({ subject, payload }) => ({ subject: subject.subject, outcomes: outcomesOf(enrichers(payload)) })),
  }
}

export async function createEnrichment(options: { clock?: Clock; flags?: readonly string[] } = {}): Promise<EnrichmentWorld> {
  const app = await startResultsApp(options)
  const worker = (url: string, payload: unknown, headers: Record<string, string> = {}): Promise<TestAnswer> =>
    app.request({ service: 'scanner-worker', method: 'POST', url, payload, headers })
  const call: EnrichmentWorld['call'] = (method, path, payload, principal = admin) =>
    app.request({ method, url: `/api/v1${path}`, principal, ...(payload === undefined ? {} : { payload }) })
  const action = ({ head }: Pick<HeldChunk, 'head'>, name: 'renew' | 'deliver' | 'fail', payload: unknown): Promise<TestAnswer> =>
    worker(enrichmentChunkPath(head.chunkId, name), payload, {
      [enrichmentTokenHeader]: head.token,
      ...(name === 'deliver' ? { 'content-type': 'application/gzip' } : {}),
    })
  const world: EnrichmentWorld = {
    app,
    call,
    scan: async (report, task) => {
      const runId = crypto.randomUUID()
      const { digest } = report.image
      await app.results.database.inTransaction(async (tx) => {
        if (task !== undefined) {
          const submitted = await app.submit({
            image: 'a/b',
            context: task.context,
            ...(task.key === undefined ? {} : { contextKey: task.key }),
          })
          await tx.query('update scan_task set run_id = $1 where id = $2', [runId, submitted.id])
        }
        await app
          .get<ScanStorage>(ScanStorage as never)
          .store(tx, { report: receiveReport(report), run: { id: runId, digest }, attempt: { id: crypto.randomUUID() } })
      })
    },
    push: async (names, files = [{ path: 'enrichers.yaml', content: `order: [${names.join(', ')}]\n` }]) => {
      const pushed = call('POST', '/enrichers/sets', { files })
      const checking = await claimUntil(world, 'validate')
      await world.deliver(checking, {
        kind: 'validate',
        problems: [],
        hash: `hash of ${names.join()}`,
        enrichers: names.map((name) => ({ name, engines: ['starlark'] })),
        warnings: [],
        files: null,
      })
      const answer = await pushed
      if (answer.status !== 201) throw new Error(`the set was refused: ${JSON.stringify(answer.body)}`)
      return answer.body as StoredEnricherSet
    },
    activate: async (names) => {
      const set = await world.push(names)
      const answer = await call('POST', `/enrichers/sets/${set.id}/-/activate`)
      if (answer.status !== 202) throw new Error(`the set was not activated: ${JSON.stringify(answer.body)}`)
      return { set, run: (answer.body as { id: string }).id }
    },
    claim: async () => {
      const answer = await worker(enrichmentClaimPath, { workerId: 'worker-1', bridgeVersion: '1' })
      const [first = '', ...lines] = String(answer.body).trimEnd().split('\n')
      const head = ClaimedEnrichment.parse(JSON.parse(first))
      if (head.outcome === 'none') return null
      const subjects = Array.from({ length: lines.length / 2 }, (_value, index) => {
        const text = lines[index * 2 + 1] ?? ''
        return { subject: EnrichmentSubject.parse(JSON.parse(lines[index * 2] ?? '')), payload: JSON.parse(text) as EnricherPayload, text }
      })
      return { head, subjects }
    },
    deliver: (chunk, results) => action(chunk, 'deliver', gzipSync(JSON.stringify(results))),
    renew: (chunk) => action(chunk, 'renew', {}),
    fail: (chunk, failure) => action(chunk, 'fail', failure),
    workAll: async (enrichers) => {
      const done: { digest: string | null; key: string; run: string }[] = []
      for (;;) {
        const chunk = await world.claim()
        if (chunk === null) break
        if (chunk.head.kind !== 'subjects') throw new Error(`a chunk of the kind ${chunk.head.kind} was not expected`)
        const answer = await world.deliver(chunk, resultsOf(chunk, enrichers))
        if (answer.status !== 200) throw new Error(`a delivery was refused: ${JSON.stringify(answer.body)}`)
        const { run } = chunk.head
        done.push(...chunk.subjects.map(({ subject: { digest, key } }) => ({ digest, key, run })))
      }
      await world.sweep()
      return done
    },
    sweep: () => app.get(EnrichmentCourseService).advance(),
    lapse: async () => {
      await app.query(`update enrichment_chunk set lease_until = now() - interval '1 second' where state = 'open'`)
    },
    clear: async () => {
      const tables = await app.query<{ name: string }>(
        `select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition
            and relname not in ('schema_migration', 'redis_epoch', 'fact_change', 'schedule', 'vex_trust', 'api_token')`,
      )
      await app.query(`truncate ${tables.map(({ name }) => name).join(', ')} restart identity cascade`)
    },
    close: () => app.close(),
  }
  return world
}

/** Claims until there is work of a kind: a request is written by a call that is still under way. */
export async function claimUntil(world: EnrichmentWorld, kind: Claimed['kind']): Promise<HeldChunk> {
  for (let tries = 0; tries < 600; tries += 1) {
    const chunk = await world.claim()
    if (chunk?.head.kind === kind) return chunk
    // A run may have work while the request is still being written: it is given back.
    if (chunk !== null) await world.fail(chunk, { reason: 'It is not its turn.', isCounted: false })
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`no work of the kind ${kind} has come in`)
}
