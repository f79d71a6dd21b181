import { Injectable } from '@nestjs/common'
import { type FilterComparison, PharosError } from '@pharos/contracts'
import { type Clock, InjectClock } from '@pharos/service-kit'
import { rows } from '../database/sql.js'
import { Database } from '../database/transaction.js'
import { plainArray } from '../ingest/array-parameter.js'
import { originalText, storedText } from '../inventory/stored-text.js'
import { aliasHash } from '../vulnerabilities/vulnerability-store.js'
import { packageCondition } from './field-conditions.js'
import { every } from './sql-condition.js'
import { SqlParameters } from './sql-parameters.js'
import { versionOrderOf } from './versions/version-order.js'

/** Packages that fit the conditions on one package; `ids` is null when they are many and SQL shall find them. */
export interface PackageSet {
  readonly ids: readonly string[] | null
}

/** More packages than this are left to SQL. */
const fewPackages = 2000
/** Packages whose versions are compared for one filter. */
const comparedPackages = 20_000

const isRange = ({ field, operator }: FilterComparison): boolean =>
  field === 'package.version' && (operator === '<' || operator === '<=' || operator === '>' || operator === '>=')

/** Looks up what names and versions of a filter stand for. */
@Injectable()
export class FilterSets {
  constructor(
    private readonly database: Database,
    @InjectClock() private readonly clock: Clock,
  ) {}

  /** Ids of the records that a vulnerability's ids or aliases name; none for conditions of other fields. */
  async vulnerabilities({ field, operator, values }: FilterComparison): Promise<string[]> {
    if (field !== 'vulnerability' || operator === '~') return []
    const found = await rows<{ id: string }>(
      this.database.runner,
      `select v.id from vulnerability v where v.group_id in (select a.group_id from vulnerability_alias a where a.alias_hash = any ($1::uuid[]))`,
      [plainArray(values.map((value) => aliasHash(storedText(String(value)))))],
    )
    return found.map(({ id }) => id)
  }

  /** Packages that fit all of the conditions. Ranges are compared here: SQL knows no order of versions. */
  async packages(comparisons: readonly FilterComparison[]): Promise<PackageSet> {
    const ranges = comparisons.filter(isRange)
    const limit = ranges.length === 0 ? fewPackages : comparedPackages
    const parameters = new SqlParameters()
    const context = { parameters, nowMs: this.clock.now().getTime() }
    const condition = every(comparisons.filter((one) => !isRange(one)).map((one) => packageCondition(context, one)))
    const found = await rows<{ id: string; type: string; version: string }>(
      this.database.runner,
      ...parameters.bind(`select p.id, p.type, p.version from package p where ${condition('p')} limit ${limit + 1}`),
    )
    if (found.length <= limit) return { ids: found.filter((row) => ranges.every((range) => isWithin(row, range))).map(({ id }) => id) }
    if (ranges.length === 0) return { ids: null }
    throw new PharosError(
      'filter-invalid',
      `A range of package.version is compared for at most ${comparedPackages} packages: name them by package.name or package.type beside it.`,
    )
  }
}

function isWithin(row: { type: string; version: string }, { operator, values }: FilterComparison): boolean {
  const order = versionOrderOf(row.type)(originalText(row.version), String(values[0]))
  if (operator === '<') return order < 0
  if (operator === '<=') return order <= 0
  return operator === '>' ? order > 0 : order >= 0
}
