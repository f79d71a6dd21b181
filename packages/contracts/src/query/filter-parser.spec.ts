import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compare, type FilterNode, joinFilters, mentionsField } from './filter-ast.js'
import { type FilterField, filterFieldNames, filterFields, filterResources, operatorsOfField } from './filter-fields.js'
import { filterLimits, filterOf, momentOf, parseFilter } from './filter-parser.js'
import { printFilter } from './filter-printer.js'

const digest = `sha256:${'a'.repeat(64)}`
const astOf = (text: string) => {
  const parsed = parseFilter(text, 'findings')
  if ('problem' in parsed) throw new Error(JSON.stringify(parsed.problem))
  return parsed.ast
}

describe('a filter', () => {
  it.each([
    ['severity >= high and kev = true', joinFilters('and', [compare('severity', '>=', 'high'), compare('kev', '=', true)])],
    ['Package.Name~openssl*', compare('package.name', '~', 'openssl*')],
    ['package.version < 1.2~rc1-3+b1', compare('package.version', '<', '1.2~rc1-3+b1')],
    ['not (fix = wont-fix)', { kind: 'not', operand: compare('fix', '=', 'wont-fix') }],
    ['epss > .1 OR risk >= 1e1', joinFilters('or', [compare('epss', '>', 0.1), compare('risk', '>=', 10)])],
    ['firstSeen > -7d', compare('firstSeen', '>', '-7d')],
    ['vulnerability in (CVE-2023-4911, "GHSA-1")', compare('vulnerability', 'in', 'CVE-2023-4911', 'GHSA-1')],
    ['context.owner.team = payments', compare('context.owner.team', '=', 'payments')],
    ['CONTEXT.end-of-life.App/days_left ~ 1*', compare('context.end-of-life.App/days_left', '~', '1*')],
    [`image = ${digest}`, compare('image', '=', digest)],
    [`digest = ${digest} and CVE = CVE-1`, joinFilters('and', [compare('image', '=', digest), compare('vulnerability', '=', 'CVE-1')])],
    [`package.name = 'a "b" \\'c\\' \\\\'`, compare('package.name', '=', `a "b" 'c' \\`)],
    [
      'severity = low or severity = high and kev = true',
      joinFilters('or', [
        compare('severity', '=', 'low'),
        joinFilters('and', [compare('severity', '=', 'high'), compare('kev', '=', true)]),
      ]),
    ],
    [
      '(severity = low or (severity = high or kev = true))',
      joinFilters('or', [compare('severity', '=', 'low'), compare('severity', '=', 'high'), compare('kev', '=', true)]),
    ],
  ] satisfies [string, FilterNode][])('%s is understood', (text, ast) => {
    expect(astOf(text)).toEqual(ast)
  })

  it.each([
    ['', 0, 'a field'],
    ['severity', 8, 'an operator of severity'],
    ['severity ~ high', 9, 'an operator of severity: = != > >= < <= in'],
    ['severity >= worst', 12, 'one of unknown, negligible, low, medium, high, critical'],
    ['colour = red', 0, 'a field of findings: vulnerability'],
    ['critical > 0', 0, 'a field of findings'],
    ['constructor = 1', 0, 'a field of findings'],
    ['context. = 1', 0, 'a field of findings'],
    ['context.owner.team > 1', 19, 'an operator of context.owner.team: = != ~ in'],
    ['kev = 1', 6, 'true or false'],
    ['risk > much', 7, 'a number'],
    ['firstSeen > yesterday', 12, 'a time'],
    ['firstSeen > 2026-99-01', 12, 'a time'],
    ['image = sha256:1', 8, 'a digest'],
    ['severity = high kev = true', 16, '"and", "or" or the end'],
    ['(severity = high', 16, '")"'],
    ['severity in high', 12, '"("'],
    ['severity in (high', 17, '"," or ")"'],
    ['package.name = "open', 15, 'the closing "'],
    ['package.name = ;', 15, 'a value'],
    ['severity = high and', 19, 'a field, "not" or "("'],
    ['severity = high)', 15, 'the end'],
  ])('%s goes wrong at character %i', (text, position, expected) => {
    const parsed = parseFilter(text, 'findings')
    expect(parsed).toMatchObject({ problem: { position } })
    expect('problem' in parsed && parsed.problem.expected).toContain(expected)
  })

  it.each([
    ['too long', `package.name = "${'a'.repeat(filterLimits.length)}"`],
    ['too deep', `${'('.repeat(filterLimits.depth + 1)}kev = true${')'.repeat(filterLimits.depth + 1)}`],
    ['too deep by its nots', `${'not '.repeat(filterLimits.depth + 1)}kev = true`],
    ['of too many conditions', Array.from({ length: filterLimits.terms + 1 }, () => 'kev = true').join(' or ')],
    ['with too long a list', `package.name in (${Array.from({ length: filterLimits.values + 1 }, (_value, at) => at).join(',')})`],
  ])('%s is refused', (_sentence, text) => {
    const parsed = parseFilter(text, 'findings')
    expect('problem' in parsed && parsed.problem.expected).toContain('at most')
  })

  it('of a caller becomes a problem that points at the character', () => {
    expect(() => filterOf('kev = maybe', 'findings')).toThrow(
      expect.objectContaining({ code: 'filter-invalid', errors: [expect.objectContaining({ pointer: '#/query/filter', position: 6 })] }),
    )
    expect(filterOf('  ', 'findings')).toBeNull()
  })

  it('of any characters is parsed or refused', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
        const parsed = parseFilter(text, 'images')
        if ('problem' in parsed) expect(parsed.problem.position).toBeLessThanOrEqual(text.length)
      }),
    )
  })

  it.each([
    ['not upon not', 'not '.repeat(1000)],
    ['parentheses within each other', '('.repeat(4000)],
    ['quotes without an end', `package.name = ${'\\"'.repeat(2000)}`],
    ['alternatives without an end', 'kev = true or '.repeat(290)],
  ])('of %s is refused without going back and forth, which would never end', (_sentence, text) => {
    expect(parseFilter(text, 'images')).toHaveProperty('problem')
  })
})

/** Any comparison that the fields of findings allow. */
const comparison = fc
  .constantFrom(...(filterFields as readonly FilterField[]).filter(({ resources }) => resources.includes('findings')))
  .chain((field) =>
    fc
      .constantFrom(...operatorsOfField(field))
      .chain((operator) =>
        fc
          .array(valueOf(field), { minLength: 1, maxLength: operator === 'in' ? 4 : 1 })
          .map((values) => compare(field.name as Parameters<typeof compare>[0], operator, ...values)),
      ),
  )

function valueOf(field: FilterField): fc.Arbitrary<string | number | boolean> {
  if (field.type === 'number')
    return fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 }).filter((value) => !Object.is(value, -0))
  if (field.type === 'boolean') return fc.boolean()
  if (field.type === 'digest') return fc.stringMatching(/^[a-f0-9]{64}$/).map((hex) => `sha256:${hex}`)
  if (field.type === 'time') return fc.constantFrom('-7d', '-1h30m', '2026-11-24', '2026-11-24T08:00:00.5Z')
  return field.values === undefined ? fc.string({ unit: 'binary', maxLength: 12 }) : fc.constantFrom(...field.values)
}

const node: fc.Arbitrary<FilterNode> = fc.letrec<{ node: FilterNode }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    comparison,
    fc
      .tuple(fc.constantFrom('and' as const, 'or' as const), fc.array(tie('node'), { minLength: 1, maxLength: 3 }))
      .map(([kind, operands]) => joinFilters(kind, operands)),
    tie('node').map((operand): FilterNode => ({ kind: 'not', operand })),
  ),
})).node

describe('the canonical text of a filter', () => {
  it('gives the same filter again', () => {
    fc.assert(
      fc.property(node, (ast) => {
        const text = printFilter(ast)
        fc.pre(text.length <= filterLimits.length && (text.match(/ (=|!=|<|>|<=|>=|~|in) /g)?.length ?? 0) <= filterLimits.terms)
        expect(parseFilter(text, 'findings')).toEqual({ ast })
      }),
      { numRuns: 500 },
    )
  })
})

describe('the fields', () => {
  it.each(filterResources)('of %s are found by name', (resource) => {
    expect(filterFieldNames(resource)).toContain('package.name')
    expect(parseFilter('package.name = a', resource)).toHaveProperty('ast')
  })

  it('are told apart by what a filter mentions', () => {
    const ast = astOf('kev = true and not (severity = low or state = gone)')
    expect(mentionsField(ast, 'state')).toBe(true)
    expect(mentionsField(ast, 'engine')).toBe(false)
  })

  it('of times stand for moments', () => {
    const now = Date.parse('2026-11-24T08:00:00Z')
    expect(momentOf('-1d12h', now)).toBe(now - 36 * 3_600_000)
    expect(momentOf('2026-11-24', now)).toBe(Date.parse('2026-11-24T00:00:00Z'))
    expect(momentOf('-999999999d', now)).toBe(0)
    expect(momentOf('0000-01-01', now)).toBe(0)
    expect(new Date(momentOf('9999-12-31T23:59:59-23:59', now)).toISOString()).toBe('9999-12-31T23:59:59.999Z')
  })
})
