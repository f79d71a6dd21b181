import { Injectable } from '@nestjs/common'
import { compare, type FilterNode } from '@pharos/contracts'
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
  /** The images to which the selection is limited, where they are few: their findings lie side by side. */
  readonly images: readonly LocatedImage[] | null
}

/** Findings of so many images are read and sorted at once; those of more are walked in the order of the list. */
const fewImages = 100
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
    const ids = filter.vulnerabilityIds ?? (await this.vulnerabilitiesOf(filter.packageIds)) ?? (await this.exploited(ast))
    const named: SqlCondition[] = []
    if (ids !== null && images === null) {
      const list = parameters.add(plainArray(ids), 'int8[]')
      named.push((alias) => `${alias}.vulnerability_id = any (${list})`)
    }
    const fits = filter.condition
    return {
      parameters,
      images,
      vulnerabilityCondition: every([...named, filter.vulnerabilityCondition]),
      condition: every([...named, fits, (alias) => visible(`${alias}.image_id`, 1), speaksFirst(fits)]),
    }
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
    const operands = ast === null ? [] : ast.kind === 'and' ? ast.operands : [ast]
    if (!operands.some((operand) => JSON.stringify(operand) === wanted)) return null
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

/**
 * The selected findings (alias f), in no order: what to read from, and what has to hold. Their vulnerabilities are chosen first
 * where the filter says something of these.
 */
export function selectedFindings(selection: FindingSelection): string {
  const { images, condition, vulnerabilityCondition } = selection
  const ofVulnerability = vulnerabilityCondition('s')
  if (images === null && ofVulnerability !== 'true')
    return `vulnerability_score s join finding f on f.vulnerability_id = s.vulnerability_id where ${ofVulnerability} and ${condition('f')}`
  return `${findingSource(selection)} where ${condition('f')}`
}

/** What to read findings (alias f) from: those of few images, or all. */
export function findingSource({ images, parameters }: FindingSelection): string {
  if (images === null) return 'finding f'
  const ranges = images.map(({ digest }) => idRange(digest))
  const columns = [
    parameters.add(plainArray(images.map(({ id }) => id)), 'int8[]'),
    parameters.add(plainArray(ranges.map(([first]) => first)), 'uuid[]'),
    parameters.add(plainArray(ranges.map(([, last]) => last)), 'uuid[]'),
  ]
  return `unnest(${columns.join(', ')}) as w(image_id, first_id, last_id) join finding f on f.id between w.first_id and w.last_id and f.image_id = w.image_id`
}
