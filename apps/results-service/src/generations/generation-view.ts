import type { DatabaseGeneration, EngineName, GenerationRef } from '@pharos/contracts'

/** A row of database_generation. */
export interface GenerationRow {
  id: string
  engine: EngineName
  source: string
  expected_checksum: string | null
  checksum: string | null
  size_bytes: string
  schema_version: string | null
  built_at: Date | null
  is_sample: boolean
  allow_older: boolean
  state: DatabaseGeneration['state']
  problem: string | null
  has_archive: boolean
  created_at: Date
  activated_at: Date | null
  /** When its engine accepted it; null for a candidate that nobody has opened. */
  judged_at: Date | null
}

/** A generation as the API shows it. */
export function generationOf(row: GenerationRow): DatabaseGeneration {
  return {
    id: row.id,
    engine: row.engine,
    schemaVersion: row.schema_version ?? '',
    builtAt: row.built_at?.toISOString() ?? null,
    checksum: row.checksum ?? row.expected_checksum ?? '',
    sizeBytes: Number(row.size_bytes),
    isSample: row.is_sample,
    state: row.state,
    problem: row.problem,
    createdAt: row.created_at.toISOString(),
    activatedAt: row.activated_at?.toISOString() ?? null,
    source: row.source,
  }
}

/** An active generation as workers get it. Older than the limit it is stale: results say so, scans still run. */
export function generationRefOf(row: GenerationRow, now: Date, maxAgeMs: number): GenerationRef {
  const { id, engine, schemaVersion, builtAt, checksum, sizeBytes, isSample } = generationOf(row)
  const isStale = row.built_at !== null && now.getTime() - row.built_at.getTime() > maxAgeMs
  return { id, engine, schemaVersion, builtAt, checksum, sizeBytes, isSample, isStale }
}
