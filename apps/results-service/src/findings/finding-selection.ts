import { Injectable } from '@nestjs/common'
import { type FilterNode, suppressingStatuses } from '@pharos/contracts'
import type { VisibleRepositories } from '../access/repository-scope.js'
import { rows } from '../database/sql.js'
import { Database } from '../database/transaction.js'
import type { LocatedImage } from '../images/image-locator.js'
import { plainArray } from '../ingest/array-parameter.js'
import { visible } from '../inventory/visibility.js'
import { FilterCompiler } from '../query/filter-compiler.js'
import { every, type SqlCondition } from '../query/sql-condition.js'
import { SqlParameters } from '../query/sql-parameters.js'
import { idRange, idsOfImage } from './finding-identity.js'
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
  /** The selected findings (alias f) in no order: what to read from, and what has to hold. */
  readonly selected: string
}

/** Prepares selections of findings. */
@Injectable()
export class FindingSelections {
  /** Findings of so many images, or with so many decisions, are read and sorted at once; more are walked in the order of the list. */
  protected readonly limits = { images: 30, decisions: 5000 }

  constructor(
    private readonly compiler: FilterCompiler,
    private readonly database: Database,
  ) {}

  /** Throws `filter-invalid` for a range of versions over too many packages. */
  async prepare(ast: FilterNode | null, scope: VisibleRepositories, image?: LocatedImage): Promise<FindingSelection> {
    const parameters = SqlParameters.ofScope(scope)
    const [filter, images] = await Promise.all([
      this.compiler.compile(ast, 'findings', parameters, scope),
      image === undefined ? this.compiler.fewImages(ast, scope, this.limits.images) : [image],
    ])
    const fits = filter.withinImages
    const ofKnownImage = every([fits, speaksFirst(fits)])
    // Few images were found by the scope and by what the filter says of them.
    if (images !== null) return sorted(parameters, ofImages(images, parameters), ofKnownImage)
    const condition = every([filter.condition, (alias) => visible(`${alias}.image_id + 0`, 1), speaksFirst(filter.condition)])
    const decided = await this.fewDecided(ast)
    if (decided !== null) return sorted(parameters, ofDecided(decided, parameters), condition)
    const ids = filter.vulnerabilityIds
    const list = ids === null ? null : parameters.add(plainArray(ids), 'int8[]')
    const isNamed: SqlCondition = (alias) => (list === null ? 'true' : `${alias}.vulnerability_id = any (${list})`)
    const vulnerabilityCondition = every([isNamed, filter.vulnerabilityCondition])
    const walked = { parameters, source: null, vulnerabilityCondition, condition: every([isNamed, condition]) }
    if (ids === null && (scope !== null || filter.imageCondition !== null)) {
      const isWanted = every([(id) => visible(id, 1), filter.imageCondition ?? every([])])
      return { ...walked, selected: `${ofEachImage} where ${isWanted('w.id')} and ${ofKnownImage('f')}` }
    }
    const selected = `vulnerability_score s join finding f on f.vulnerability_id = s.vulnerability_id where ${vulnerabilityCondition('s')} and ${walked.condition('f')}`
    return { ...walked, selected }
  }

  /** The findings that have a decision, where the filter asks for these and they are few. */
  private async fewDecided(ast: FilterNode | null): Promise<string[] | null> {
    const statuses = decidedStatuses(ast)
    if (statuses === null) return null
    const found = await rows<{ id: string }>(
      this.database.runner,
      `select finding_id as id from finding_decision where status = any ($1::text[]) limit ${this.limits.decisions + 1}`,
      [statuses],
    )
    return found.length > this.limits.decisions ? null : found.map(({ id }) => id)
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

function sorted(parameters: SqlParameters, source: string, condition: SqlCondition): FindingSelection {
  return { parameters, source, vulnerabilityCondition: every([]), condition, selected: `${source} where ${condition('f')}` }
}

/** Findings image by image (alias w): whoever takes only so many reads no more images than it takes. */
const ofEachImage = `image w cross join lateral (
  select * from finding f where ${idsOfImage('f.id', 'w.digest')} and f.image_id + 0 = w.id offset 0) f`

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
