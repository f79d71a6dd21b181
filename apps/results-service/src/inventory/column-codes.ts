import { type EngineName, type FixState, type Severity, severityRank } from '@pharos/contracts'

/** Small numbers that stand for literals in narrow rows. A number is never given to another literal. */
const engineCodes: Readonly<Record<EngineName, number>> = { grype: 1, trivy: 2 }
const fixStateCodes: Readonly<Record<FixState, number>> = { unknown: 0, fixed: 1, 'not-fixed': 2, 'wont-fix': 3 }

/** Severities from the most urgent to the least. */
export const severities: readonly Severity[] = ['critical', 'high', 'medium', 'low', 'negligible', 'unknown']

function nameOf<N extends string>(codes: Readonly<Record<N, number>>, code: number): N {
  const found = (Object.entries(codes) as [N, number][]).find(([, value]) => value === code)
  if (found === undefined) throw new Error(`a row holds the code ${code}, which stands for nothing`)
  return found[0]
}

export const engineCode = (engine: EngineName): number => engineCodes[engine]
export const engineOf = (code: number): EngineName => nameOf(engineCodes, code)
export const fixStateCode = (state: FixState): number => fixStateCodes[state]
export const fixStateOf = (code: number): FixState => nameOf(fixStateCodes, code)
export const severityCode = (severity: Severity): number => severityRank[severity]
export const severityOf = (code: number): Severity => nameOf(severityRank, code)
