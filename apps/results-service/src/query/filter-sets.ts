import { Injectable } from '@nestjs/common'
import { type FilterComparison, PharosError } from '@pharos/contracts'
import { type Clock, InjectClock } from '@pharos/service-kit'
import { rows } from '../database/sql.js'
import { Database } from '../database/transaction.js'
import { plainArray } from '../ingest/array-parameter.js'
import { originalText, storedText } from '../inventory/stored-text.js'
import { aliasHash } from '../vulnerabilities/vulnerability-store.js'
import { impliedOfVulnerability, packageCondition } from './field-conditions.js'
import { every } from './sql-condition.js'
import { SqlParameters } from './sql-parameters.js'
import { versionOrderOf } from './versions/version-order.js'

/** Packages that fit the conditions on one package; `ids` is null when they are many and SQL shall find them. */
export interface PackageSet {
  readonly ids: readonly string[] | null
}

/** Packages whose versions are compared for one filter. */
const comparedPackages = 20_000

const isRange = ({ field, operator }: FilterComparison): boolean =>
  field === 'package.version' && (operator === '<' || operator === '<=' || operator === '>' || operator === '>=')

/** Looks up what names and versions of a filter stand for. */
@Injectable()
export class FilterSets {
  /** More than this lead to so much that other ways are as good, or are left to SQL. */
  protected readonly limits = { vulnerabilities: 2000, packages: 2000 }

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

  /** The vulnerabilities whose findings can fit all of the conditions; null when they are many. */
  async fewVulnerabilities(comparisons: readonly FilterComparison[]): Promise<string[] | null> {
    const named = comparisons.find(({ field, operator }) => field === 'vulnerability' && (operator === '=' || operator === 'in'))
    if (named !== undefined) return this.vulnerabilities(named)
    if (comparisons.some(({ field, operator, values }) => field === 'kev' && (operator === '=') === (values[0] === true)))
      return this.exploited()
    const parameters = new SqlParameters()
    const context = { parameters, nowMs: this.clock.nowMs() }
    // Looking for those of an engine would go through all of them.
    const telling = comparisons.filter(({ field }) => field !== 'engine')
    const conditions = telling.flatMap((comparison) => impliedOfVulnerability(context, comparison))
    if (conditions.length === 0) return null
    const statement = `select s.vulnerability_id as id from vulnerability_score s where ${every(conditions)('s')} limit ${this.limits.vulnerabilities + 1}`
    return this.few(await rows<{ id: string }>(this.database.runner, ...parameters.bind(statement)))
  }

  /** The vulnerabilities that match any of the packages; null when they are many. */
  async vulnerabilitiesOf(packageIds: readonly string[]): Promise<string[] | null> {
    return this.few(
      await rows<{ id: string }>(
        this.database.runner,
        `select distinct vulnerability_id as id from package_match where package_id = any ($1::int8[]) limit ${this.limits.vulnerabilities + 1}`,
        [plainArray(packageIds)],
      ),
    )
  }

  /** The vulnerabilities of all findings that are known to be exploited, from one entry of their index to the next. */
  private async exploited(): Promise<string[] | null> {
    return this.few(
      await rows<{ id: string }>(
        this.database.runner,
        `with recursive exploited as (
           (select vulnerability_id as id from finding where is_kev order by vulnerability_id limit 1)
           union all
           select (select f.vulnerability_id from finding f where f.is_kev and f.vulnerability_id > e.id order by f.vulnerability_id limit 1)
             from exploited e where e.id is not null
         ) select id from exploited where id is not null limit ${this.limits.vulnerabilities + 1}`,
      ),
    )
  }

  private few(found: readonly { id: string }[]): string[] | null {
    return found.length > this.limits.vulnerabilities ? null : found.map(({ id }) => id)
  }

  /** Packages that fit all of the conditions. Ranges are compared here: SQL knows no order of versions. */
  async packages(comparisons: readonly FilterComparison[]): Promise<PackageSet> {
    const ranges = comparisons.filter(isRange)
    const limit = ranges.length === 0 ? this.limits.packages : comparedPackages
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
