import { type EngineName, type FilterComparison, type FixState, momentOf, type Severity } from '@pharos/contracts'
import { engineCode, fixStateCode, severities, severityCode } from '../inventory/column-codes.js'
import { storedText } from '../inventory/stored-text.js'
import { likeOfGlob } from '../inventory/text-pattern.js'
import type { SqlCondition } from './sql-condition.js'
import type { SqlParameters } from './sql-parameters.js'

/** What conditions are made with. */
export interface ConditionContext {
  readonly parameters: SqlParameters
  readonly nowMs: number
  /** The status of a finding's decision, null for none; without this that of the decision which stands. */
  readonly statusOf?: SqlCondition | undefined
}

/** The same for conditions on images. */
export interface ImageConditionContext extends ConditionContext {
  /** Age above which a database is stale. */
  readonly databaseMaxAgeMs: number
}

/** Rows that a condition on a finding can be about: a finding itself, or the match of a package that would make one. */
export type FindingRowKind = 'finding' | 'match'

/** Compares a column that is never null with the values of a text field. */
export function textCondition({ parameters }: ConditionContext, comparison: FilterComparison, column: SqlCondition): SqlCondition {
  const values = comparison.values.map((value) => storedText(String(value)))
  if (comparison.operator === 'in') {
    const list = parameters.add(values, 'text[]')
    return (alias) => `${column(alias)} = any (${list})`
  }
  if (comparison.operator === '~') {
    const pattern = parameters.add(likeOfGlob(String(comparison.values[0])), 'text')
    return (alias) => `${column(alias)} like ${pattern}`
  }
  const value = parameters.add(values[0], 'text')
  return (alias) => `${column(alias)} ${sqlOperator(comparison)} ${value}`
}

/** The same of a column that may be null: what is unknown equals nothing, and differs from everything. */
function nullableText(context: ConditionContext, comparison: FilterComparison, column: SqlCondition): SqlCondition {
  const condition = textCondition(context, comparison, column)
  return comparison.operator === '!='
    ? (alias) => `(${column(alias)} is null or ${condition(alias)})`
    : (alias) => `(${column(alias)} is not null and ${condition(alias)})`
}

/** `!=` as SQL writes it; the other operators are the same. */
function sqlOperator({ operator }: FilterComparison): string {
  return operator === '!=' ? '<>' : operator
}

function codeCondition(
  { parameters }: ConditionContext,
  comparison: FilterComparison,
  column: SqlCondition,
  codeOf: (value: string) => number,
): SqlCondition {
  const codes = comparison.values.map((value) => codeOf(String(value)))
  if (comparison.operator === 'in') {
    const list = parameters.add(codes, 'int2[]')
    return (alias) => `${column(alias)} = any (${list})`
  }
  const code = parameters.add(codes[0], 'int2')
  return (alias) => `${column(alias)} ${sqlOperator(comparison)} ${code}`
}

function valueCondition(
  { parameters }: ConditionContext,
  comparison: FilterComparison,
  column: SqlCondition,
  type: 'float8' | 'bool' | 'real',
): SqlCondition {
  const [given] = comparison.values
  // PostgreSQL refuses a number that real cannot hold; rounded to it, it is infinite or 0.
  const value = parameters.add(type === 'real' ? Math.fround(Number(given)) : given, type)
  return (alias) => `${column(alias)} ${sqlOperator(comparison)} ${value}`
}

function timeCondition({ parameters, nowMs }: ConditionContext, comparison: FilterComparison, column: SqlCondition): SqlCondition {
  const moment = parameters.add(new Date(momentOf(String(comparison.values[0]), nowMs)).toISOString(), 'timestamptz')
  return (alias) => `${column(alias)} ${comparison.operator} ${moment}`
}

/** A condition on a finding, or on the match that makes one. The ids of `vulnerability` were looked up before. */
export function findingCondition(
  context: ConditionContext,
  comparison: FilterComparison,
  kind: FindingRowKind,
  vulnerabilityIds: readonly string[],
): SqlCondition {
  const ofVulnerability = (table: string, condition: SqlCondition): SqlCondition => {
    return (alias) =>
      `exists (select from ${table} cv where cv.${table === 'vulnerability' ? 'id' : 'vulnerability_id'} = ${alias}.vulnerability_id and ${condition('cv')})`
  }
  const severity = (alias: string) => `${alias}.severity`
  switch (comparison.field) {
    case 'vulnerability': {
      if (comparison.operator === '~') {
        const name = textCondition(context, comparison, (alias) => `${alias}.canonical_id`)
        return (alias) =>
          `${alias}.vulnerability_id in (select cv.id from vulnerability cv join vulnerability_group cg on cg.id = cv.group_id where ${name('cg')})`
      }
      const ids = context.parameters.add(`{${vulnerabilityIds.join(',')}}`, 'int8[]')
      return (alias) => `${alias}.vulnerability_id ${comparison.operator === '!=' ? '<> all' : '= any'} (${ids})`
    }
    case 'source':
      return ofVulnerability(
        'vulnerability',
        textCondition(context, comparison, (alias) => `${alias}.namespace`),
      )
    case 'severity': {
      const condition = codeCondition(context, comparison, severity, (value) => severityCode(value as Severity))
      return kind === 'finding' ? condition : ofVulnerability('vulnerability', condition)
    }
    case 'risk':
      return ofVulnerability(
        'vulnerability_score',
        valueCondition(context, comparison, (alias) => `${alias}.risk`, 'real'),
      )
    case 'epss': {
      // Without a score there is no probability: no comparison holds but that it differs.
      const condition = valueCondition(context, comparison, (alias) => `${alias}.epss`, 'float8')
      const [isNull, joined] = comparison.operator === '!=' ? ['is null', 'or'] : ['is not null', 'and']
      return ofVulnerability('vulnerability_score', (alias) => `(${alias}.epss ${isNull} ${joined} ${condition(alias)})`)
    }
    case 'kev': {
      if (kind === 'finding') return valueCondition(context, comparison, (alias) => `${alias}.is_kev`, 'bool')
      return ofVulnerability(
        'vulnerability_score',
        valueCondition(context, comparison, (alias) => `(right(${alias}.body, 11) <> '"kev":null}')`, 'bool'),
      )
    }
    case 'fix':
      return codeCondition(
        context,
        comparison,
        (alias) => `${alias}.fix_state`,
        (value) => fixStateCode(value as FixState),
      )
    case 'engine':
      return codeCondition(
        context,
        comparison,
        (alias) => `${alias}.engine`,
        (value) => engineCode(value as EngineName),
      )
    default:
      return findingOnlyCondition(context, comparison)
  }
}

/**
 * What a condition on a finding implies of its vulnerability, of a row that has its vulnerability_id. A finding keeps the
 * severity of its image's last scan, so each severity that the vulnerability has had counts.
 */
export function impliedOfVulnerability(context: ConditionContext, comparison: FilterComparison): SqlCondition[] {
  switch (comparison.field) {
    case 'source':
    case 'risk':
    case 'epss':
      return [findingCondition(context, comparison, 'finding', [])]
    case 'vulnerability':
      return comparison.operator === '~' ? [findingCondition(context, comparison, 'finding', [])] : []
    case 'severity': {
      const bits = severities
        .filter((severity) => fits(comparison, severity))
        .reduce((mask, severity) => mask | (1 << severityCode(severity)), 0)
      const mask = context.parameters.add(bits, 'int')
      return [(alias) => `exists (select from vulnerability cv where cv.id = ${alias}.vulnerability_id and cv.severities & ${mask} <> 0)`]
    }
    case 'engine': {
      const condition = findingCondition(context, comparison, 'match', [])
      // Few records are another engine's: these have an index, and are read once instead of looked for at each vulnerability.
      if (!isOfEngine(comparison, 'grype'))
        return [
          (alias) =>
            `(${alias}.vulnerability_id in (select cm.vulnerability_id from package_match cm where cm.engine <> ${engineCode('grype')} and ${condition('cm')}) or false)`,
        ]
      return [
        (alias) => `exists (select from package_match cm where cm.vulnerability_id = ${alias}.vulnerability_id and ${condition('cm')})`,
      ]
    }
    default:
      return []
  }
}

/** Whether a severity fits a condition on severities. */
function fits({ operator, values }: FilterComparison, severity: Severity): boolean {
  const order = severityCode(severity) - severityCode(values[0] as Severity)
  switch (operator) {
    case 'in':
      return values.includes(severity)
    case '!=':
      return order !== 0
    case '>':
      return order > 0
    case '>=':
      return order >= 0
    case '<':
      return order < 0
    case '<=':
      return order <= 0
    default:
      return order === 0
  }
}

/** Whether findings of an engine can fit a condition on engines. */
function isOfEngine({ operator, values }: FilterComparison, engine: EngineName): boolean {
  return values.includes(engine) === (operator !== '!=')
}

/** Fields that a finding has and a match has not. */
function findingOnlyCondition(context: ConditionContext, comparison: FilterComparison): SqlCondition {
  switch (comparison.field) {
    case 'state': {
      const states = [true, false].filter(
        (isOpen) => comparison.values.includes(isOpen ? 'open' : 'gone') === (comparison.operator !== '!='),
      )
      if (states.length !== 1) return () => String(states.length === 2)
      return (alias) => (states[0] === true ? `${alias}.is_open` : `not ${alias}.is_open`)
    }
    case 'suppressed':
      return valueCondition(context, comparison, (alias) => `${alias}.is_suppressed`, 'bool')
    case 'status':
      return textCondition(
        context,
        comparison,
        (alias) =>
          `coalesce(${context.statusOf?.(alias) ?? `(select cd.status from finding_decision cd where cd.finding_id = ${alias}.id)`}, 'new')`,
      )
    case 'layer': {
      // Read as text: operators of json would unescape what a hostile image put there, and fail. Quotes within a path are escaped.
      const patterns = context.parameters.add(
        comparison.values.map((digest) => `%"layer":"${String(digest)}"%`),
        'text[]',
      )
      const exists = (alias: string) =>
        `exists (select from image_package co where co.image_id = ${alias}.image_id and co.occurrence = ${alias}.occurrence and co.detail::text like any (${patterns}))`
      return comparison.operator === '!=' ? (alias) => `not ${exists(alias)}` : exists
    }
    case 'firstSeen':
      return timeCondition(context, comparison, (alias) => `${alias}.first_seen_at`)
    case 'lastSeen':
      return timeCondition(
        context,
        comparison,
        (alias) =>
          `coalesce(${alias}.last_seen_at, (select cr.scanned_at from image_engine_result cr where cr.image_id = ${alias}.image_id and cr.engine = ${alias}.engine), ${alias}.first_seen_at)`,
      )
    case 'changed':
      return timeCondition(
        context,
        comparison,
        (alias) =>
          `greatest(${alias}.first_seen_at, (select max(ce.at) from finding_event ce where ce.image_id = ${alias}.image_id and ce.finding_id = ${alias}.id), (select cd.decided_at from finding_decision cd where cd.finding_id = ${alias}.id))`,
      )
    default:
      throw new Error(`${comparison.field} is no field of a finding`)
  }
}

/** A condition on a package; versions are compared elsewhere. */
export function packageCondition(context: ConditionContext, comparison: FilterComparison): SqlCondition {
  switch (comparison.field) {
    case 'package.name': {
      const exact = textCondition(context, comparison, (alias) => `${alias}.name`)
      const indexed = indexedName(context, comparison)
      return (alias) => `${indexed(alias)}${exact(alias)}`
    }
    case 'package.version':
      return textCondition(context, comparison, (alias) => `${alias}.version`)
    case 'package.type':
      return textCondition(context, comparison, (alias) => `${alias}.type`)
    case 'package.purl':
      return nullableText(context, comparison, (alias) => `${alias}.purl`)
    case 'package.language':
      return nullableText(context, comparison, (alias) => `${alias}.language`)
    case 'package.distro':
      return nullableText(context, comparison, (alias) => `${alias}.distro`)
    default:
      throw new Error(`${comparison.field} is no field of a package`)
  }
}

const indexedNameLength = 100

/** What the index of names (cut, since a name may be of any length) can serve, in front of the exact condition. */
function indexedName({ parameters }: ConditionContext, { operator, values }: FilterComparison): SqlCondition {
  const cut = (value: unknown) =>
    Array.from(storedText(String(value)))
      .slice(0, indexedNameLength)
      .join('')
  if (operator === '!=') return () => ''
  if (operator === '~') {
    const glob = String(values[0])
    // A beginning can be looked up; what stands behind a first star may lie behind the cut.
    if (glob.length > indexedNameLength || glob.indexOf('*') !== glob.length - 1) return () => ''
    const pattern = parameters.add(likeOfGlob(glob), 'text')
    return (alias) => `left(${alias}.name, ${indexedNameLength}) collate "C" like ${pattern} and `
  }
  const names = parameters.add(values.map(cut), 'text[]')
  return (alias) => `left(${alias}.name, ${indexedNameLength}) collate "C" = any (${names}) and `
}

const imageColumns = {
  packageCount: 'package_count',
  maxRisk: 'max_risk',
  sizeBytes: 'size_bytes',
} as const
const countColumns = ['critical', 'high', 'medium', 'low', 'negligible', 'unknown', 'fixable'] as const

/** A condition on an image. `visibleWorkload` is that of workloads which the caller may see. */
export function imageCondition(context: ImageConditionContext, comparison: FilterComparison, visibleWorkload: SqlCondition): SqlCondition {
  const { field } = comparison
  const count = countColumns.find((known) => known === field)
  if (count !== undefined)
    return valueCondition(
      context,
      comparison,
      (alias) => `coalesce((select max(cs.${count}) from image_summary cs where cs.image_id = ${alias}.id), 0)`,
      'float8',
    )
  switch (field) {
    case 'image':
      return textCondition(context, comparison, (alias) => `${alias}.digest`)
    case 'platform':
      return textCondition(context, comparison, (alias) => `${alias}.platform`)
    case 'distro':
      return nullableText(context, comparison, (alias) => `${alias}.distro`)
    case 'verdict':
      return textCondition(context, comparison, verdictOf(context))
    case 'deleted':
      return valueCondition(context, comparison, (alias) => `(${alias}.deleted_from_registry_at is not null)`, 'bool')
    case 'packageCount':
    case 'maxRisk':
    case 'sizeBytes':
      return valueCondition(context, comparison, (alias) => `${alias}.${imageColumns[field]}`, field === 'maxRisk' ? 'real' : 'float8')
    case 'createdAt': {
      const condition = timeCondition(context, comparison, (alias) => `${alias}.created_at`)
      return (alias) => `(${alias}.created_at is not null and ${condition(alias)})`
    }
    case 'lastScanned':
      return timeCondition(context, comparison, (alias) => `${alias}.last_scanned_at`)
    case 'imageFirstSeen':
      return timeCondition(context, comparison, (alias) => `${alias}.first_seen_at`)
    case 'running':
      return valueCondition(
        context,
        comparison,
        (alias) => `exists (select from workload cw where cw.image_id = ${alias}.id and cw.until is null and ${visibleWorkload('cw')})`,
        'bool',
      )
    default:
      throw new Error(`${field} is no field of an image`)
  }
}

/** What verdictOf in images/image-verdict.ts says, as SQL. The catalogue is read as text: it holds paths that an image chose. */
function verdictOf({ parameters, nowMs, databaseMaxAgeMs }: ImageConditionContext): SqlCondition {
  const staleBefore = parameters.add(new Date(nowMs - databaseMaxAgeMs).toISOString(), 'timestamptz')
  return (alias) => `(case
    when exists (select from image_summary vs where vs.image_id = ${alias}.id and vs.critical + vs.high + vs.medium + vs.low + vs.negligible + vs.unknown > 0) then 'vulnerable'
    when ${alias}.cataloguer is not null and ${alias}.package_count > 0 and ${alias}.cataloguer::text like '%"unreadable":[]%'
     and exists (select from image_engine_result vr where vr.image_id = ${alias}.id and vr.has_good_result and vr.status = 'complete' and not vr.last_attempt_failed
           and coalesce(vr.database ->> 'isSample', 'false') <> 'true' and (vr.database ->> 'builtAt')::timestamptz >= ${staleBefore}) then 'clean'
    else 'unknown' end)`
}

/** A condition on a reference: a row of image_reference, or of workload, which both have its repository. */
export function referenceCondition(context: ConditionContext, comparison: FilterComparison): SqlCondition {
  return textCondition(context, comparison, (alias) => `${alias}.${comparison.field === 'tag' ? 'tag' : 'repository'}`)
}

/** A condition on a workload. */
export function workloadCondition(context: ConditionContext, comparison: FilterComparison): SqlCondition {
  switch (comparison.field) {
    case 'cluster':
    case 'namespace':
    case 'kind':
    case 'container':
      return textCondition(context, comparison, (alias) => `${alias}.${comparison.field}`)
    case 'workload':
      return textCondition(context, comparison, (alias) => `${alias}.name`)
    case 'owner':
      return nullableText(context, comparison, (alias) => `${alias}.owner`)
    case 'since':
      return timeCondition(context, comparison, (alias) => `${alias}.since`)
    default:
      throw new Error(`${comparison.field} is no field of a workload`)
  }
}
