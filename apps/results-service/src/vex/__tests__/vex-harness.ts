import type { FindingDetail, Principal, ScanReport, VexConflict, VexDocument } from '@pharos/contracts'
import { FakeClock } from '@pharos/service-kit'
import { admin, type ResultsApp, startResultsApp, type TestAnswer } from '../../__tests__/results-app.js'
import { receiveReport } from '../../ingest/received-report.js'
import { ScanStorage } from '../../runs/scan-storage.js'

/** Somebody who may triage, in some repositories or everywhere. */
export function triager(name: string, ...repositories: string[]): Principal {
  return {
    id: `user:${name}`,
    name,
    kind: 'user',
    roles: ['triager'],
    scope: { repositories: repositories.length === 0 ? null : repositories },
  }
}

/** An OpenVEX statement. */
export function statement(vulnerability: string, products: unknown[], change: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    vulnerability: { name: vulnerability },
    products,
    status: 'not_affected',
    justification: 'vulnerable_code_not_in_execute_path',
    ...change,
  }
}

/** An OpenVEX document. */
export function openVex(statements: Record<string, unknown>[], change: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    '@context': 'https://openvex.dev/ns/v0.2.0',
    '@id': 'https://example.org/vex/1',
    author: 'security@example.org',
    timestamp: '2026-11-20T08:00:00Z',
    version: 1,
    statements,
    ...change,
  }
}

/** results-service with a fake clock, and what the tests of VEX ask of it. */
export interface VexHarness {
  readonly app: ResultsApp
  readonly clock: FakeClock
  store(report: ScanReport): Promise<void>
  upload(document: unknown, principal?: Principal): Promise<TestAnswer & { body: VexDocument }>
  remove(id: string, principal?: Principal): Promise<TestAnswer>
  conflicts(): Promise<VexConflict[]>
  /** Status of the open findings' decisions, as `package vulnerability status`. */
  decisions(): Promise<string[]>
  counts(): Promise<unknown[]>
  detailOf(name: string): Promise<FindingDetail>
  /** Removes images, decisions and documents. */
  clear(): Promise<void>
}

export async function createVexHarness(): Promise<VexHarness> {
  const clock = new FakeClock(new Date('2026-11-24T08:00:00.000Z'))
  const app = await startResultsApp({ clock })
  return {
    app,
    clock,
    store: async (report) => {
      await clock.advance(60_000)
      await app.results.database.inTransaction((tx) =>
        app.get(ScanStorage).store(tx, {
          report: receiveReport(report),
          run: { id: '0190d7a2-6c1e-7d5b-8b0a-000000000001', digest: report.image.digest },
          attempt: { id: '0190d7a2-6c1e-7d5b-8b0a-000000000002' },
        }),
      )
    },
    upload: async (document, principal = admin) => {
      await clock.advance(1000)
      const answer = await app.request({ method: 'POST', url: '/api/v1/vex/documents', principal, payload: document })
      return { ...answer, body: answer.body as VexDocument }
    },
    remove: (id, principal = admin) => app.request({ method: 'DELETE', url: `/api/v1/vex/documents/${id}`, principal }),
    conflicts: async () =>
      ((await app.request({ method: 'GET', url: '/api/v1/vex/conflicts', principal: admin })).body as { items: VexConflict[] }).items,
    decisions: async () =>
      (
        await app.query<{ text: string }>(
          `select p.name || ' ' || v.native_id || ' ' || coalesce(d.status, 'new') as text from finding f join package p on p.id = f.package_id
             join vulnerability v on v.id = f.vulnerability_id left join finding_decision d on d.finding_id = f.id where f.is_open order by f.image_id, 1`,
        )
      ).map(({ text }) => text),
    counts: () => app.query('select high, suppressed from image_summary order by image_id, engine'),
    detailOf: async (name) => {
      const [row] = await app.query<{ id: string }>(
        `select 'f_' || replace(f.id::text, '-', '') as id from finding f join package p on p.id = f.package_id where f.is_open and p.name = $1`,
        [name],
      )
      return (await app.request({ method: 'GET', url: `/api/v1/findings/${row?.id ?? ''}`, principal: admin })).body as FindingDetail
    },
    clear: async () => {
      await app.query(
        `truncate image, image_reference, image_index, finding, finding_decision, finding_decision_event, finding_event, image_summary, image_engine_result,
           vex_document, vex_statement, vex_statement_alias, vex_match, vex_trust, event, audit_event`,
      )
    },
  }
}
