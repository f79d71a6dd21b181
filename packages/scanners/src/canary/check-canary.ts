import type { Canary } from '@pharos/contracts'
import type { UnitMatcher, UnitMatcherOptions } from '../engine/unit-matcher.js'
import { builtInCanary } from './built-in-canary.js'

/** An expectation that a database did not meet. */
export interface MissingExpectation {
  readonly package: string
  readonly version: string
  readonly vulnerability: string
  /** Why it could not be matched at all; null when it was matched and the vulnerability was not among what was found. */
  readonly reason: string | null
}

/** How a database stood the test. */
export interface CanaryResult {
  readonly passed: boolean
  readonly missing: MissingExpectation[]
  /** How many expectations had to be met. */
  readonly requiredCount: number
}

/** Bounds of the check, and what it asks for. */
export interface CanaryOptions extends UnitMatcherOptions {
  /** Expectations in place of the built-in ones. */
  readonly canary?: Canary | undefined
}

/**
 * Tries a database on packages with known vulnerabilities.
 *
 * Which expectations must be met:
 * - those of a given canary, all;
 * - the built-in ones, all, on a real database. One without a feed that they ask for needs a canary of its own: a feed that is left out on
 *   purpose and one that was lost look alike.
 * - on a sample database, which holds few facts, says so itself, and is never advice, the built-in ones whose vulnerability it
 *   describes in the expected namespace: of what it knows, nothing may be missed. It passes with none of them.
 *
 * A package that cannot be matched fails, whatever the database.
 * @throws PharosError of the codes `engine-*`, `database-*`, `disk-full`, `cancelled`
 */
export async function checkCanary(matcher: UnitMatcher, databaseDirectory: string, options: CanaryOptions): Promise<CanaryResult> {
  const { expectations } = options.canary ?? builtInCanary
  const found = await matcher.matchUnits(
    expectations.map(({ input }, id) => ({ id, input: JSON.stringify(input) })),
    databaseDirectory,
    options,
  )
  const isComplete = options.canary !== undefined || !found.database.isSample
  const described = isComplete
    ? undefined
    : await matcher.describe(
        expectations.map(({ nativeId, namespace }, id) => ({ id, nativeId, namespace })),
        databaseDirectory,
        options,
      )
  const failures = new Map(found.failed.map(({ id, reason }) => [id, reason]))
  const matched = new Set(
    found.matches.map(({ unitId, vulnerability }) => {
      const known = found.vulnerabilities[vulnerability]
      return keyOf(unitId, known?.namespace ?? '', known?.nativeId ?? '')
    }),
  )
  const missing: MissingExpectation[] = []
  let requiredCount = 0
  for (const [position, { package: name, version, nativeId, namespace }] of expectations.entries()) {
    const reason = failures.get(position) ?? null
    const isRequired = reason !== null || described === undefined || described[position] !== null
    if (!isRequired) continue
    requiredCount += 1
    if (reason !== null || !matched.has(keyOf(position, namespace, nativeId)))
      missing.push({ package: name, version, vulnerability: nativeId, reason })
  }
  return { passed: missing.length === 0, missing, requiredCount }
}

function keyOf(position: number, namespace: string, nativeId: string): string {
  return `${position}\0${namespace}\0${nativeId}`
}
