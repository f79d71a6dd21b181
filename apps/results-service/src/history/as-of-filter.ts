import {
  type FilterComparison,
  type FilterFieldName,
  type FilterNode,
  type FilterValue,
  mentionsField,
  momentOf,
  PharosError,
  type Severity,
  severityRank,
} from '@pharos/contracts'
import { matchesGlob } from '../access/repository-scope.js'

/** What a filter can ask of a finding as of a moment: what is kept of the past, and what never changes. */
export interface AsOfFacts {
  readonly severity: Severity
  readonly fixState: string
  readonly kev: boolean
  readonly engine: string
  readonly decision: string | null
  readonly isSuppressed: boolean
  readonly firstSeenAt: Date
  /** Canonical id and aliases. */
  readonly vulnerability: readonly string[]
  readonly package: {
    readonly type: string
    readonly name: string
    readonly version: string
    readonly purl: string | null
    readonly language: string | null
    readonly distro: string | null
  }
  readonly digest: string
  readonly platform: string
}

type Read = (facts: AsOfFacts) => readonly FilterValue[]

const one = (value: FilterValue | null): readonly FilterValue[] => (value === null ? [] : [value])

const fields: Partial<Record<FilterFieldName, Read>> = {
  vulnerability: (facts) => facts.vulnerability,
  severity: (facts) => one(facts.severity),
  kev: (facts) => one(facts.kev),
  fix: (facts) => one(facts.fixState),
  engine: (facts) => one(facts.engine),
  status: (facts) => one(facts.decision ?? 'new'),
  suppressed: (facts) => one(facts.isSuppressed),
  firstSeen: (facts) => one(facts.firstSeenAt.toISOString()),
  'package.name': (facts) => one(facts.package.name),
  'package.version': (facts) => one(facts.package.version),
  'package.type': (facts) => one(facts.package.type),
  'package.purl': (facts) => one(facts.package.purl),
  'package.language': (facts) => one(facts.package.language),
  'package.distro': (facts) => one(facts.package.distro),
  image: (facts) => one(facts.digest),
  platform: (facts) => one(facts.platform),
}

/** A filter, ready to be asked of findings as of a moment. */
export interface AsOfFilter {
  readonly matches: (facts: AsOfFacts) => boolean
  /** Ids or aliases of which a finding's vulnerability must be one; null for any. */
  readonly vulnerabilities: readonly string[] | null
  /** `matches` looks at the ids of the vulnerability. */
  readonly asksForVulnerability: boolean
}

/**
 * Makes a filter of a parsed one. Throws `filter-invalid` for what is not kept over time (risk, EPSS, layers, ...) and for an order
 * of versions.
 */
export function asOfFilter(node: FilterNode | null, nowMs: number): AsOfFilter {
  if (node === null) return { matches: () => true, vulnerabilities: null, asksForVulnerability: false }
  requireKept(node)
  return {
    matches: (facts) => holds(node, facts, nowMs),
    vulnerabilities: requiredVulnerabilities(node),
    asksForVulnerability: mentionsField(node, 'vulnerability'),
  }
}

function requireKept(node: FilterNode): void {
  if (node.kind === 'not') return requireKept(node.operand)
  if (node.kind !== 'comparison') return node.operands.forEach(requireKept)
  if (fields[node.field] === undefined)
    throw new PharosError(
      'filter-invalid',
      `${node.field} is not kept over time. As of a moment you can ask for ${Object.keys(fields).join(', ')}.`,
    )
  if (node.field === 'package.version' && !['=', '!=', '~', 'in'].includes(node.operator))
    throw new PharosError('filter-invalid', 'As of a moment package.version is compared by =, !=, ~ and in only.')
}

function holds(node: FilterNode, facts: AsOfFacts, nowMs: number): boolean {
  if (node.kind === 'not') return !holds(node.operand, facts, nowMs)
  if (node.kind !== 'comparison') {
    const isTrue = (operand: FilterNode): boolean => holds(operand, facts, nowMs)
    return node.kind === 'and' ? node.operands.every(isTrue) : node.operands.some(isTrue)
  }
  const values = fields[node.field]?.(facts) ?? []
  const wanted = node.values.map((value) => comparable(node.field, value, nowMs))
  const some = (test: (value: FilterValue) => boolean): boolean => values.some((value) => test(comparable(node.field, value, nowMs)))
  return compares(node, wanted, some)
}

function compares(
  { operator }: FilterComparison,
  wanted: readonly FilterValue[],
  some: (test: (value: FilterValue) => boolean) => boolean,
): boolean {
  const [first = ''] = wanted
  switch (operator) {
    case '=':
      return some((value) => value === first)
    case '!=':
      // What is unknown differs from everything, as in lists of the present.
      return !some((value) => value === first)
    case 'in':
      return some((value) => wanted.includes(value))
    case '~':
      return some((value) => matchesGlob(String(first), String(value)))
    case '>':
      return some((value) => value > first)
    case '>=':
      return some((value) => value >= first)
    case '<':
      return some((value) => value < first)
    case '<=':
      return some((value) => value <= first)
  }
}

/** Severities and times as numbers, so that they have an order. */
function comparable(field: FilterFieldName, value: FilterValue, nowMs: number): FilterValue {
  if (field === 'severity') return severityRank[value as Severity]
  if (field === 'firstSeen') return momentOf(String(value), nowMs)
  return value
}

/** What a filter demands of the vulnerability whatever else holds: with it an index finds the rows. */
function requiredVulnerabilities(node: FilterNode): readonly string[] | null {
  if (node.kind === 'and') return node.operands.map(requiredVulnerabilities).find((found) => found !== null) ?? null
  const isExact = node.kind === 'comparison' && node.field === 'vulnerability' && (node.operator === '=' || node.operator === 'in')
  return isExact ? node.values.map(String) : null
}
