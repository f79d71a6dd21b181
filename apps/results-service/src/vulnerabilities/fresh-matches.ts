import { FixState, MatchBody, PharosError } from '@pharos/contracts'
import { CopyRows, copyRows } from '../database/copy-rows.js'
import { oneRow } from '../database/sql.js'
import type { Transaction } from '../database/transaction.js'
import { LineShapes } from '../ingest/line-shapes.js'
import { checkLine, type Lines } from '../ingest/received-report.js'
import { fixStateCode } from '../inventory/column-codes.js'
import type { KnownMatches } from '../inventory/known-facts.js'

/** The matches of a package that was stored in this transaction, as a report spells them; no vulnerability is named twice. */
export interface FreshMatches {
  readonly packageId: number
  /** Of each line. */
  readonly vulnerabilityIds: readonly number[]
  readonly lines: Lines
}

/** What a match's line says. */
export interface MatchFacts {
  /** Code of the state. */
  readonly fixState: number
  /** JSON. */
  readonly body: Buffer
}

/** Grype's matchers say what they found in some dozen ways. */
const shapes = new LineShapes(64)
const fixStates: ReadonlyMap<string, number> = new Map(FixState.options.map((state) => [state, fixStateCode(state)]))
const space = 0x20

const columns = ['id', 'package_id', 'vulnerability_id', 'engine', 'fix_state', 'content_hash', 'body', 'since_generation'] as const
const plainBytes = 8 + 8 + 8 + 2 + 2 + 16 + 16

/** Takes a match's line apart: `<fixState> <body>`. The body's bytes are stored as they stand, so they are checked. Throws `report-invalid`. */
export function matchFacts(line: Buffer): MatchFacts {
  const end = line.indexOf(space)
  const fixState = fixStates.get(line.toString('latin1', 0, Math.max(0, end)))
  if (fixState === undefined) throw new PharosError('report-invalid', 'A match of the report has no state of its fix.')
  const body = line.subarray(end + 1)
  checkLine(MatchBody, shapes, body, 'match')
  return { fixState, body }
}

/** Inserts matches of which no other transaction can know, and returns them in the order given. */
export async function insertFreshMatches(
  tx: Transaction,
  engineCode: number,
  generationId: string | null,
  groups: readonly FreshMatches[],
): Promise<KnownMatches[]> {
  const count = groups.reduce((sum, { vulnerabilityIds }) => sum + vulnerabilityIds.length, 0)
  if (count === 0) return groups.map(() => ({ vulnerabilityIds: [], matchIds: [], fixStates: [] }))
  const facts = groups.map(({ lines, vulnerabilityIds }) => vulnerabilityIds.map((_id, position) => matchFacts(lines.bytes(position))))
  const bodyBytes = facts.reduce((sum, group) => group.reduce((some, { body }) => some + body.byteLength, sum), 0)
  const ids = await takeIds(tx, count)
  const since = generationId === null ? null : Buffer.from(generationId.replaceAll('-', ''), 'hex')
  const rows = new CopyRows(count, columns.length, count * plainBytes + bodyBytes)
  let taken = 0
  const stored = groups.map(({ packageId, vulnerabilityIds, lines }, group): KnownMatches => {
    const matchIds = ids.slice(taken, taken + vulnerabilityIds.length)
    taken += vulnerabilityIds.length
    const ofGroup = facts[group] ?? []
    for (const [position, { fixState, body }] of ofGroup.entries()) {
      rows.begin()
      rows.id(matchIds[position] ?? 0)
      rows.id(packageId)
      rows.id(vulnerabilityIds[position] ?? 0)
      rows.code(engineCode)
      rows.code(fixState)
      rows.characters(lines.digest(position))
      rows.bytes(body)
      rows.bytes(since)
    }
    return { vulnerabilityIds, matchIds, fixStates: ofGroup.map(({ fixState }) => fixState) }
  })
  await copyRows(tx, `copy package_match (${columns.join(', ')}) from stdin (format binary)`, rows)
  return stored
}

async function takeIds(tx: Transaction, count: number): Promise<number[]> {
  const row = await oneRow<{ ids: string }>(
    tx,
    `select string_agg(nextval('package_match_id_seq')::text, ',') as ids from generate_series(1, $1)`,
    [count],
  )
  return (row?.ids ?? '').split(',').map(Number)
}
