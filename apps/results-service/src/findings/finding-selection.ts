import { Injectable } from '@nestjs/common'
import { compare, type FilterNode, suppressingStatuses } from '@pharos/contracts'
import type { VisibleRepositories } from '../access/repository-scope.js'
import { rows } from '../database/sql.js'
import { Database } from '../database/transaction.js'
import type { LocatedImage } from '../images/image-locator.js'
import { plainArray } from '../ingest/array-parameter.js'
import { visible } from '../inventory/visibility.js'
import { FilterCompiler } from '../query/filter-compiler.js'
import { every, type SqlCondition } from '../query/sql-condition.js'
import { SqlParameters } from '../query/sql-parameters.js'
import { idRange } from './finding-identity.js'
import { speaksFirst } from './finding-merge.js'

/** Findings that a filter selects, and what leads to them without reading the fleet. */
export interface FindingSelection {
  readonly parameters: SqlParameters
  /** Of a row of `finding`: it fits, the caller may see it, and it speaks for what several engines report. */
  readonly condition: SqlCondition
  /** Of a row with a vulnerability_id: other vulnerabilities have no finding that fits. */
  readonly vulnerabilityCondition: SqlCondition
  /** What to read the findings from when they are few enough to be sorted; null for a walk in the order of the list. */
  readonly source: string | null
}

/** Findings of so many images are read and sorted at once; those of more are walked in the order of the list. */
const fewImages = 100
/** The same of so many decisions. */
const fewDecisions = 5000
/** More vulnerabilities than this lead to so much that a walk in the list's order is as good. */
const fewVulnerabilities = 2000

/** Prepares selections of findings. */
@Injectable()
export class FindingSelections {
  constructor(
    private readonly compiler: FilterCompiler,
    private readonly database: Database,
  ) {}

  /** Throws `filter-invalid` for a range of versions over too many packages. */
  async prepare(ast: FilterNode | null, scope: VisibleRepositories, image?: LocatedImage): Promise<FindingSelection> {
    const parameters = new SqlParameters()
    parameters.add(scope, 'text[]')
    const [filter, images] = await Promise.all([
      this.compiler.compile(ast, 'findings', parameters, scope),
      image === undefined ? this.compiler.fewImages(ast, scope, fewImages) : [image],
    ])
    if (images !== null) {
      const fits = filter.withinImages
      // The images were found by the scope and by what the filter says of them.
      return {
        parameters,
        source: ofImages(images, parameters),
        vulnerabilityCondition: every([]),
        condition: every([fits, speaksFirst(fits)]),
      }
    }
    const condition = every([filter.condition, (alias) => visible(`${alias}.image_id`, 1), speaksFirst(filter.condition)])
    const decided = await this.fewDecided(ast)
    if (decided !== null) return { parameters, source: ofDecided(decided, parameters), vulnerabilityCondition: every([]), condition }
    const ids = filter.vulnerabilityIds ?? (await this.vulnerabilitiesOf(filter.packageIds)) ?? (await this.exploited(ast))
    if (ids === null) return { parameters, source: null, vulnerabilityCondition: filter.vulnerabilityCondition, condition }
    const list = parameters.add(plainArray(ids), 'int8[]')
    const isNamed: SqlCondition = (alias) => `${alias}.vulnerability_id = any (${list})`
    return {
      parameters,
      source: null,
      vulnerabilityCondition: every([isNamed, filter.vulnerabilityCondition]),
      condition: every([isNamed, condition]),
    }
  }

  /** The findings that have a decision, where the filter asks for these and they are few. */
  private async fewDecided(ast: FilterNode | null): Promise<string[] | null> {
    const statuses = decidedStatuses(ast)
    if (statuses === null) return null
    const found = await rows<{ id: string }>(
      this.database.runner,
      `select finding_id as id from finding_decision where status = any ($1::text[]) limit ${fewDecisions + 1}`,
      [statuses],
    )
    return found.length > fewDecisions ? null : found.map(({ id }) => id)
  }

  /** The vulnerabilities that match any of the packages; null when they are many. */
  private async vulnerabilitiesOf(packageIds: readonly string[] | null): Promise<string[] | null> {
    if (packageIds === null) return null
    const found = await rows<{ id: string }>(
      this.database.runner,
      `select distinct vulnerability_id as id from package_match where package_id = any ($1::int8[]) limit ${fewVulnerabilities + 1}`,
      [plainArray(packageIds)],
    )
    return found.length > fewVulnerabilities ? null : found.map(({ id }) => id)
  }

  /** The vulnerabilities of all findings that are known to be exploited, where the filter asks for these; from one entry of the index to the next. */
  private async exploited(ast: FilterNode | null): Promise<string[] | null> {
    const wanted = JSON.stringify(compare('kev', '=', true))
    if (!conjunctsOf(ast).some((operand) => JSON.stringify(operand) === wanted)) return null
    const found = await rows<{ id: string }>(
      this.database.runner,
      `with recursive exploited as (
         (select vulnerability_id as id from finding where is_kev order by vulnerability_id limit 1)
         union all
         select (select f.vulnerability_id from finding f where f.is_kev and f.vulnerability_id > e.id order by f.vulnerability_id limit 1)
           from exploited e where e.id is not null
       ) select id from exploited where id is not null limit ${fewVulnerabilities + 1}`,
    )
    return found.length > fewVulnerabilities ? null : found.map(({ id }) => id)
  }
}

function conjunctsOf(ast: FilterNode | null): readonly FilterNode[] {
  if (ast === null) return []
  return ast.kind === 'and' ? ast.operands : [ast]
}

/** The decisions to which a filter limits the findings; null when it does not. */
function decidedStatuses(ast: FilterNode | null): string[] | null {
  for (const node of conjunctsOf(ast)) {
    if (node.kind !== 'comparison') continue
    const { field, operator, values } = node
    if (field === 'suppressed' && (operator === '=') === (values[0] === true)) return [...suppressingStatuses]
    if (field === 'status' && operator !== '!=' && !values.includes('new')) return values.map(String)
  }
  return null
}

/** The selected findings (alias f), in no order. Their vulnerabilities are chosen first where the filter says something of these. */
export function selectedFindings({ source, condition, vulnerabilityCondition }: FindingSelection): string {
  if (source !== null) return `${source} where ${condition('f')}`
  const ofVulnerability = vulnerabilityCondition('s')
  if (ofVulnerability === 'true') return `finding f where ${condition('f')}`
  return `vulnerability_score s join finding f on f.vulnerability_id = s.vulnerability_id where ${ofVulnerability} and ${condition('f')}`
}

/**
 * Findings of images by the ranges of their ids. The sum and the offset keep the planner from other ways: it takes a range that
 * it cannot see for a large one, and would rather look for each image in the index of vulnerabilities.
 */
function ofImages(images: readonly LocatedImage[], parameters: SqlParameters): string {
  const ranges = images.map(({ digest }) => idRange(digest))
  const columns = [
    parameters.add(plainArray(images.map(({ id }) => id)), 'int8[]'),
    parameters.add(plainArray(ranges.map(([first]) => first)), 'uuid[]'),
    parameters.add(plainArray(ranges.map(([, last]) => last)), 'uuid[]'),
  ]
  return `unnest(${columns.join(', ')}) as w(image_id, first_id, last_id) cross join lateral (
    select * from finding f where f.id between w.first_id and w.last_id and f.image_id + 0 = w.image_id offset 0) f`
}

function ofDecided(ids: readonly string[], parameters: SqlParameters): string {
  return `(select * from finding f where f.id = any (${parameters.add(plainArray(ids), 'uuid[]')}) offset 0) f`
}
