import { Injectable } from '@nestjs/common'
import { type ExportLine, type ExportResource, type FilterNode } from '@pharos/contracts'
import type { VisibleRepositories } from '../access/repository-scope.js'
import { oneRow, rows, type SqlRunner } from '../database/sql.js'
import { Database, type Snapshot } from '../database/transaction.js'
import { FilterCompiler } from '../query/filter-compiler.js'
import { SqlParameters } from '../query/sql-parameters.js'
import { exportSources } from './export-sources.js'

/** The moment of a snapshot: every change of a transaction before `xid` is in it. */
export interface SnapshotMoment {
  readonly xid: string
}

/** Reads one batch behind a key; the first one behind null. */
export type ReadBatch = (reader: SqlRunner, after: string | null, limit: number) => Promise<{ lines: ExportLine[]; lastKey: string | null }>

/** Reads what is exported. */
@Injectable()
export class ExportsRepository {
  constructor(
    private readonly database: Database,
    private readonly filters: FilterCompiler,
  ) {}

  openSnapshot(): Promise<Snapshot> {
    return this.database.openSnapshot()
  }

  async momentOf({ reader }: Snapshot): Promise<SnapshotMoment> {
    const row = await oneRow<{ xid: string }>(reader, 'select pg_snapshot_xmin(pg_current_snapshot())::text as xid')
    return { xid: row?.xid ?? '0' }
  }

  /** Compiles the query of a resource's batches. */
  async batches(resource: ExportResource, filter: FilterNode | null, scope: VisibleRepositories): Promise<ReadBatch> {
    const source = exportSources[resource]
    const parameters = SqlParameters.ofScope(scope)
    const { condition } = await this.filters.compile(filter, resource, parameters, scope)
    // Stand for the values that differ from batch to batch, until a batch is read.
    const marks = { after: Symbol('after'), limit: Symbol('limit') }
    const after = parameters.add(marks.after, source.keyType)
    const limit = parameters.add(marks.limit, 'int')
    const chosen = `select x.* from ${source.table} x where x.id > ${after} and ${source.isShown(1)} and ${condition('x')} order by x.id limit ${limit}`
    const [statement, values] = parameters.bind(source.select(chosen, 1))
    return async (reader, afterKey, count) => {
      const bound = values.map((value) => (value === marks.after ? (afterKey ?? source.firstKey) : value === marks.limit ? count : value))
      const found = await rows<{ key: string }>(reader, statement, bound)
      return { lines: found.map((row) => source.lineOf(row as never)), lastKey: found.at(-1)?.key ?? null }
    }
  }
}
