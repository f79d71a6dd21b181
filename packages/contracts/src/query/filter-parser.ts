import { PharosError } from '../pharos-error.js'
import { type FilterNode, type FilterValue, joinFilters } from './filter-ast.js'
import { type FilterField, filterFieldNames, type FilterResource, findFilterField, isDigest, operatorsOfField } from './filter-fields.js'
import { type FilterProblem, FilterScanner, FilterSyntaxError } from './filter-scanner.js'

/** Limits of a filter: what one request may cost. */
export const filterLimits = {
  /** Characters of a filter. */
  length: 4096,
  /** Parentheses and nots within each other. */
  depth: 16,
  /** Conditions. */
  terms: 64,
  /** Values of one `in`. */
  values: 200,
} as const

const relativeTime = /^-(\d{1,9}(ms|s|m|h|d))+$/
const moment = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2}))?$/

/** Parses a filter of a list. Grammar and fields: docs/query.md. */
export function parseFilter(text: string, resource: FilterResource): { ast: FilterNode } | { problem: FilterProblem } {
  if (text.length > filterLimits.length)
    return { problem: { position: filterLimits.length, expected: `at most ${filterLimits.length} characters` } }
  try {
    return { ast: new FilterParser(new FilterScanner(text), resource).parse() }
  } catch (error) {
    if (error instanceof FilterSyntaxError) return { problem: { position: error.position, expected: error.expected } }
    throw error
  }
}

/** The same where a caller gave the filter; undefined is none. Throws `filter-invalid` that points at the character. */
export function filterOf(text: string | undefined, resource: FilterResource): FilterNode | null {
  if (text === undefined || text.trim() === '') return null
  const parsed = parseFilter(text, resource)
  if ('ast' in parsed) return parsed.ast
  const { position, expected } = parsed.problem
  const near = position < text.length ? `, at "${text.slice(position, position + 20)}"` : ', at the end'
  const detail = `Character ${position + 1} of the filter${near}: expected ${expected}.`
  throw new PharosError('filter-invalid', detail, { errors: [{ pointer: '#/query/filter', detail, position }] })
}

class FilterParser {
  private terms = 0

  constructor(
    private readonly scanner: FilterScanner,
    private readonly resource: FilterResource,
  ) {}

  parse(): FilterNode {
    const ast = this.alternatives(0)
    if (!this.scanner.isAtEnd) this.scanner.fail('"and", "or" or the end of the filter')
    return ast
  }

  private alternatives(depth: number): FilterNode {
    const operands = [this.conjunction(depth)]
    while (this.scanner.keyword('or')) operands.push(this.conjunction(depth))
    return joinFilters('or', operands)
  }

  private conjunction(depth: number): FilterNode {
    const operands = [this.condition(depth)]
    while (this.scanner.keyword('and')) operands.push(this.condition(depth))
    return joinFilters('and', operands)
  }

  private condition(depth: number): FilterNode {
    const { scanner } = this
    if (depth > filterLimits.depth) scanner.fail(`at most ${filterLimits.depth} parentheses and "not" within each other`)
    if (scanner.keyword('not')) return { kind: 'not', operand: this.condition(depth + 1) }
    if (!scanner.punctuation('(')) return this.comparison()
    const inner = this.alternatives(depth + 1)
    if (!scanner.punctuation(')')) scanner.fail('"and", "or" or ")"')
    return inner
  }

  private comparison(): FilterNode {
    const { scanner, resource } = this
    const { text, position } = scanner.name('a field, "not" or "("')
    this.terms += 1
    if (this.terms > filterLimits.terms) scanner.fail(`at most ${filterLimits.terms} conditions`, position)
    const field = findFilterField(text, resource)
    if (field === undefined) return scanner.fail(`a field of ${resource}: ${filterFieldNames(resource).join(', ')}`, position)
    const operators = operatorsOfField(field)
    const operatorPosition = scanner.position
    const found = scanner.operator()
    const operator = operators.find((known) => known === found)
    if (operator === undefined) return scanner.fail(`an operator of ${field.name}: ${operators.join(' ')}`, operatorPosition)
    return { kind: 'comparison', field: field.name, operator, values: operator === 'in' ? this.list(field) : [this.value(field)] }
  }

  private list(field: FilterField): FilterValue[] {
    const { scanner } = this
    if (!scanner.punctuation('(')) scanner.fail('"(" and a list of values')
    const values = [this.value(field)]
    while (scanner.punctuation(',')) {
      if (values.length === filterLimits.values) scanner.fail(`at most ${filterLimits.values} values`)
      values.push(this.value(field))
    }
    if (!scanner.punctuation(')')) scanner.fail('"," or ")"')
    return values
  }

  private value(field: FilterField): FilterValue {
    const expected = expectedValue(field)
    const { text, position } = this.scanner.value(expected)
    const value = valueOf(field, text)
    return value ?? this.scanner.fail(expected, position)
  }
}

function expectedValue({ name, type, values }: FilterField): string {
  switch (type) {
    case 'number':
      return `a number for ${name}`
    case 'boolean':
      return `true or false for ${name}`
    case 'time':
      return `a time for ${name}, e.g. -7d, 2026-11-24 or 2026-11-24T08:00:00Z`
    case 'digest':
      return `a digest for ${name}: sha256: and 64 hex digits`
    case 'enum':
    case 'ordered':
      return `one of ${(values ?? []).join(', ')} for ${name}`
    default:
      return `a value for ${name}; in quotes when it has blanks or signs`
  }
}

/** The value that a text stands for; undefined when it is none of the field's. */
function valueOf({ type, values }: FilterField, text: string): FilterValue | undefined {
  switch (type) {
    case 'number':
      return /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?$/.test(text) && Number.isFinite(Number(text)) ? Number(text) : undefined
    case 'boolean':
      return text.toLowerCase() === 'true' ? true : text.toLowerCase() === 'false' ? false : undefined
    case 'time':
      return relativeTime.test(text) || (moment.test(text) && !Number.isNaN(Date.parse(text))) ? text : undefined
    case 'digest':
      return isDigest(text) ? text : undefined
    case 'enum':
    case 'ordered':
      return values?.find((known) => known === text.toLowerCase())
    default:
      return text
  }
}

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

const lastMoment = Date.parse('9999-12-31T23:59:59.999Z')

/** The moment, in milliseconds of the epoch, that a time of a filter stands for now; within the years 1970 to 9999. */
export function momentOf(value: string, nowMs: number): number {
  let moment = Date.parse(value)
  if (value.startsWith('-')) {
    moment = nowMs
    for (const [, amount, unit] of value.matchAll(/(\d+)(ms|s|m|h|d)/g)) moment -= Number(amount) * (unitMs[unit ?? 'ms'] ?? 0)
  }
  return Math.min(Math.max(moment, 0), lastMoment)
}
