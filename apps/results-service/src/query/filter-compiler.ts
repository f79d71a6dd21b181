import { Injectable } from '@nestjs/common'
import {
  compare,
  type FilterComparison,
  type FilterEntity,
  filterField,
  type FilterNode,
  type FilterResource,
  joinFilters,
  mentionsField,
} from '@pharos/contracts'
import { type Clock, InjectClock, InjectConfiguration } from '@pharos/service-kit'
import type { VisibleRepositories } from '../access/repository-scope.js'
import type { ResultsConfiguration } from '../configuration.js'
import { rows } from '../database/sql.js'
import { Database } from '../database/transaction.js'
import { idsOfImage } from '../findings/finding-identity.js'
import type { LocatedImage } from '../images/image-locator.js'
import { visible } from '../inventory/visibility.js'
import { contextOfImage, contextOfWorkload } from './context-conditions.js'
import {
  findingCondition,
  imageCondition,
  impliedOfVulnerability,
  packageCondition,
  referenceCondition,
  workloadCondition,
} from './field-conditions.js'
import { FilterSets, type PackageSet } from './filter-sets.js'
import { every, type SqlCondition } from './sql-condition.js'
import { SqlParameters } from './sql-parameters.js'

/** A filter as SQL. */
export interface CompiledFilter {
  /** About a row of the resource's table: finding, image, package or workload. */
  readonly condition: SqlCondition
  /** The condition without what it says of images: for rows of images that are known to fit that. */
  readonly withinImages: SqlCondition
  /** What the vulnerability of each fitting finding fits, of a row with its vulnerability_id: a walk leaves out all others. */
  readonly vulnerabilityCondition: SqlCondition
  /** The only vulnerabilities whose findings can fit, where these are few. */
  readonly vulnerabilityIds: readonly string[] | null
  /** Of the id of an image: what the filter of findings says of it; null when it says nothing. */
  readonly imageCondition: SqlCondition | null
}

interface Compilation {
  readonly resource: FilterResource
  readonly parameters: SqlParameters
  readonly nowMs: number
  readonly databaseMaxAgeMs: number
  /** The parameter that holds the caller's scope. */
  readonly scope: string
  readonly statusOf?: SqlCondition | undefined
  /** What was looked up for this filter already. */
  readonly packageSets: Map<string, Promise<PackageSet>>
}

/** Conditions of one conjunction that speak of one entity each. */
type Groups = ReadonlyMap<FilterEntity, readonly FilterComparison[]>

const imageEntities: ReadonlySet<FilterEntity> = new Set(['image', 'reference', 'workload', 'context'])

/** A filter of findings that says nothing of their state means the open ones. */
function effectiveFilter(ast: FilterNode | null, resource: FilterResource): FilterNode | null {
  if (resource !== 'findings' || (ast !== null && mentionsField(ast, 'state'))) return ast
  const isOpen = compare('state', '=', 'open')
  return ast === null ? isOpen : joinFilters('and', [ast, isOpen])
}

/**
 * Turns filters into SQL. What names and versions stand for is looked up first, so that the planner knows how few there are.
 * Every query puts the visibility of its rows beside the condition; what the condition itself says of references and
 * workloads is about those that the caller may see.
 */
@Injectable()
export class FilterCompiler {
  constructor(
    private readonly sets: FilterSets,
    private readonly database: Database,
    @InjectConfiguration() private readonly configuration: Pick<ResultsConfiguration, 'scans'>,
    @InjectClock() private readonly clock: Clock,
  ) {}

  /**
   * `statusOf` tells the status of a finding's decision where rows are not those that stand. Throws `filter-invalid` for a range of
   * versions over too many packages.
   */
  async compile(
    ast: FilterNode | null,
    resource: FilterResource,
    parameters: SqlParameters,
    scope: VisibleRepositories,
    statusOf?: SqlCondition,
  ): Promise<CompiledFilter> {
    const filter = effectiveFilter(ast, resource)
    if (filter === null)
      return {
        condition: every([]),
        withinImages: every([]),
        vulnerabilityCondition: every([]),
        vulnerabilityIds: null,
        imageCondition: null,
      }
    const compilation = { ...this.begin(resource, parameters, scope), statusOf }
    const groups = groupsOf(conjuncts(filter))
    const limiting = new Map([...groups].filter(([entity]) => imageEntities.has(entity)))
    const findings = groups.get('finding') ?? []
    const packageSet = await this.packageSet(groups.get('package') ?? [], compilation)
    return {
      condition: await this.node(filter, compilation),
      withinImages: await this.withinImages(conjuncts(filter), compilation),
      vulnerabilityCondition: every(findings.flatMap((comparison) => impliedOfVulnerability(compilation, comparison))),
      vulnerabilityIds: resource === 'findings' ? await this.fewVulnerabilities(findings, packageSet) : null,
      imageCondition: limiting.size === 0 ? null : every(ofImage(limiting, compilation)),
    }
  }

  /**
   * The images to which a filter of findings is limited by what it says of images and by the caller's scope; null when it is
   * not limited, or when they are more than `limit`.
   */
  async fewImages(ast: FilterNode | null, scope: VisibleRepositories, limit: number): Promise<LocatedImage[] | null> {
    const groups = groupsOf(ast === null ? [] : conjuncts(ast))
    const limiting = new Map([...groups].filter(([entity]) => imageEntities.has(entity)))
    if (limiting.size === 0 && scope === null) return null
    const parameters = new SqlParameters()
    const compilation = this.begin('images', parameters, scope)
    const condition = every(ofImage(limiting, compilation))
    const found = await rows<{ id: string; digest: string }>(
      this.database.runner,
      ...parameters.bind(`select i.id, i.digest from image i where ${visible('i.id', 1)} and ${condition('i.id')} limit ${limit + 1}`),
    )
    return found.length > limit ? null : found.map(({ id, digest }) => ({ id: Number(id), digest }))
  }

  private async fewVulnerabilities(findings: readonly FilterComparison[], packages: PackageSet | null): Promise<string[] | null> {
    if (packages !== null && packages.ids !== null) {
      const ids = await this.sets.vulnerabilitiesOf(packages.ids)
      if (ids !== null) return ids
    }
    return this.sets.fewVulnerabilities(findings)
  }

  private begin(resource: FilterResource, parameters: SqlParameters, scope: VisibleRepositories): Compilation {
    return {
      resource,
      parameters,
      nowMs: this.clock.nowMs(),
      databaseMaxAgeMs: this.configuration.scans.databaseMaxAgeMs,
      scope: parameters.add(scope, 'text[]'),
      packageSets: new Map(),
    }
  }

  private async withinImages(operands: readonly FilterNode[], compilation: Compilation): Promise<SqlCondition> {
    const rest = operands.filter((node) => node.kind !== 'comparison' || !imageEntities.has(filterField(node.field).entity))
    return rest.length === 0 ? every([]) : this.node(joinFilters('and', rest), compilation)
  }

  private async packageSet(comparisons: readonly FilterComparison[], { packageSets }: Compilation): Promise<PackageSet | null> {
    if (comparisons.length === 0) return null
    const key = JSON.stringify(comparisons)
    const found = packageSets.get(key) ?? this.sets.packages(comparisons)
    packageSets.set(key, found)
    return found
  }

  private async node(node: FilterNode, compilation: Compilation): Promise<SqlCondition> {
    if (node.kind === 'not') {
      const operand = await this.node(node.operand, compilation)
      return (alias) => `not (${operand(alias)})`
    }
    if (node.kind === 'or') {
      const operands = await Promise.all(node.operands.map((operand) => this.node(operand, compilation)))
      return (alias) => `(${operands.map((operand) => operand(alias)).join(' or ')})`
    }
    const operands = conjuncts(node)
    const conditions = await this.conjunction(groupsOf(operands), compilation)
    const nested = await Promise.all(operands.filter(({ kind }) => kind !== 'comparison').map((operand) => this.node(operand, compilation)))
    return every([...conditions, ...nested])
  }

  /** Conditions on one entity are put together, so that one and the same row has to fit them all. */
  private async conjunction(groups: Groups, compilation: Compilation): Promise<SqlCondition[]> {
    const findings = groups.get('finding') ?? []
    const packages = groups.get('package') ?? []
    const ids = await Promise.all(findings.map((comparison) => this.sets.vulnerabilities(comparison)))
    const packageSet = await this.packageSet(packages, compilation)
    const packageOf = packageSet === null ? null : ofPackage(packageSet, packages, compilation)
    const kind = compilation.resource === 'packages' ? 'match' : 'finding'
    const ofFinding = findings.map((comparison, at) => findingCondition(compilation, comparison, kind, ids[at] ?? []))
    switch (compilation.resource) {
      case 'findings':
        // The sum keeps the planner from looking for an image in the index that begins with the vulnerability.
        return [...ofFinding, ...belonging(packageOf, 'package_id'), ...atColumn('image_id + 0', ofImage(groups, compilation))]
      case 'images':
        return atColumn('id', [
          ...presentPackage(packageOf),
          ...(await this.openFinding(findings, ofFinding, packageOf, compilation)),
          ...ofImage(groups, compilation),
        ])
      case 'packages':
        return [
          ...(packageSet?.ids === null
            ? packages.map((comparison) => packageCondition(compilation, comparison))
            : belonging(packageOf, 'id')),
          ...openMatch(ofFinding),
          ...withinImage(ofImage(groups, compilation)),
        ]
      case 'workloads':
        return [
          ...atColumn('image_id', [...presentPackage(packageOf), ...(await this.openFinding(findings, ofFinding, packageOf, compilation))]),
          ...ofWorkload(groups, compilation),
        ]
    }
  }

  /**
   * An open finding of an image, of the packages that the same conjunction names. Where few vulnerabilities or packages can
   * make it, these lead to it; else the findings of each image are read, which lie side by side, until there are enough images.
   */
  private async openFinding(
    comparisons: readonly FilterComparison[],
    conditions: readonly SqlCondition[],
    packageOf: SqlCondition | null,
    compilation: Compilation,
  ): Promise<SqlCondition[]> {
    if (conditions.length === 0) return []
    const all = every([...conditions, ...belonging(packageOf, 'package_id')])
    const ids = await this.sets.fewVulnerabilities(comparisons)
    if (ids !== null || packageOf !== null) {
      const list = ids === null ? null : compilation.parameters.add(`{${ids.join(',')}}`, 'int8[]')
      const isNamed = list === null ? 'true' : `cf.vulnerability_id = any (${list})`
      return [(id) => `exists (select from finding cf where cf.image_id = ${id} and ${isNamed} and cf.is_open and ${all('cf')})`]
    }
    // The offset keeps the planner from joining all findings with all images.
    return [
      (id) =>
        `exists (select from image cl join finding cf on cf.image_id + 0 = cl.id and ${idsOfImage('cf.id', 'cl.digest')} where cl.id = ${id} and cf.is_open and ${all('cf')} offset 0)`,
    ]
  }
}

function conjuncts(node: FilterNode): readonly FilterNode[] {
  return node.kind === 'and' ? node.operands : [node]
}

function groupsOf(nodes: readonly FilterNode[]): Groups {
  const groups = new Map<FilterEntity, FilterComparison[]>()
  for (const node of nodes) {
    if (node.kind !== 'comparison') continue
    const { entity } = filterField(node.field)
    groups.set(entity, [...(groups.get(entity) ?? []), node])
  }
  return groups
}

/** Conditions on the id of a package. */
function ofPackage(set: PackageSet, comparisons: readonly FilterComparison[], compilation: Compilation): SqlCondition {
  if (set.ids !== null) {
    const ids = compilation.parameters.add(`{${set.ids.join(',')}}`, 'int8[]')
    return (column) => `${column} = any (${ids})`
  }
  const condition = every(comparisons.map((comparison) => packageCondition(compilation, comparison)))
  return (column) => `${column} in (select cp.id from package cp where ${condition('cp')})`
}

/** Conditions on the id of an image: what it is, what leads to it and what runs it. */
function ofImage(groups: Groups, compilation: Compilation): SqlCondition[] {
  const isVisible: SqlCondition = (alias) => `(${compilation.scope} is null or ${alias}.repository like any (${compilation.scope}))`
  const make = (entity: FilterEntity, of: (comparison: FilterComparison) => SqlCondition): SqlCondition | null => {
    const comparisons = groups.get(entity) ?? []
    return comparisons.length === 0 ? null : every(comparisons.map(of))
  }
  const image = make('image', (comparison) => imageCondition(compilation, comparison, isVisible))
  const reference = make('reference', (comparison) => referenceCondition(compilation, comparison))
  const workload = make('workload', (comparison) => workloadCondition(compilation, comparison))
  return [
    ...(image === null ? [] : [(id: string) => `exists (select from image ci where ci.id = ${id} and ${image('ci')})`]),
    ...(reference === null
      ? []
      : [
          (id: string) =>
            `exists (select from image_reference cr where cr.image_id = ${id} and cr.until is null and ${isVisible('cr')} and ${reference('cr')})`,
        ]),
    ...(workload === null
      ? []
      : [
          (id: string) =>
            `exists (select from workload cw where cw.image_id = ${id} and cw.until is null and ${isVisible('cw')} and ${workload('cw')})`,
        ]),
    ...(groups.get('context') ?? []).map((comparison) => contextOfImage(compilation, comparison, isVisible)),
  ]
}

/** A workload names its repository itself, and may run an image that was never scanned. */
function ofWorkload(groups: Groups, compilation: Compilation): SqlCondition[] {
  const references = groups.get('reference') ?? []
  const repositories = references
    .filter(({ field }) => field === 'repository')
    .map((comparison) => referenceCondition(compilation, comparison))
  const rest = new Map(groups)
  rest.set(
    'reference',
    references.filter(({ field }) => field !== 'repository'),
  )
  rest.delete('workload')
  rest.delete('context')
  return [
    ...(groups.get('context') ?? []).map((comparison) => contextOfWorkload(compilation, comparison)),
    ...(groups.get('workload') ?? []).map((comparison) => workloadCondition(compilation, comparison)),
    ...repositories,
    ...atColumn('image_id', ofImage(rest, compilation)),
  ]
}

function atColumn(column: string, conditions: readonly SqlCondition[]): SqlCondition[] {
  return conditions.map((condition) => (alias) => condition(`${alias}.${column}`))
}

function belonging(packageOf: SqlCondition | null, column: string): SqlCondition[] {
  return packageOf === null ? [] : atColumn(column, [packageOf])
}

function presentPackage(packageOf: SqlCondition | null): SqlCondition[] {
  if (packageOf === null) return []
  return [(id) => `exists (select from image_package co where co.image_id = ${id} and co.is_present and ${packageOf('co.package_id')})`]
}

function openMatch(conditions: readonly SqlCondition[]): SqlCondition[] {
  if (conditions.length === 0) return []
  const all = every(conditions)
  return [(alias) => `exists (select from package_match cm where cm.package_id = ${alias}.id and cm.is_open and ${all('cm')})`]
}

function withinImage(conditions: readonly SqlCondition[]): SqlCondition[] {
  if (conditions.length === 0) return []
  const all = every(conditions)
  return [(alias) => `exists (select from image_package co where co.package_id = ${alias}.id and co.is_present and ${all('co.image_id')})`]
}
