import type { FindingDifference } from '@pharos/contracts'
import { engineOf, fixStateOf, severityOf } from '../inventory/column-codes.js'
import { originalText } from '../inventory/stored-text.js'
import type { EngineResult, ReporterRow } from './findings.repository.js'

/** Range of versions that an engine says are affected, where its match tells one. */
function rangeOf(row: ReporterRow): string | null {
  for (const { found } of row.match_body.details) {
    const constraint = typeof found === 'object' && found !== null && 'versionConstraint' in found ? found.versionConstraint : null
    if (typeof constraint === 'string' && constraint !== '') return constraint
  }
  return null
}

/**
 * Where the engines that report a finding differ, and why as far as their data tells. `results` are what the engines last said
 * of the image: an engine with a complete result that does not report it is a difference too.
 */
export function differencesOf(reporters: readonly ReporterRow[], results: readonly EngineResult[]): FindingDifference[] {
  const told = (describe: (row: ReporterRow) => string) => reporters.map((row) => `${engineOf(row.engine)}: ${describe(row)}`).join('; ')
  const differ = (valueOf: (row: ReporterRow) => unknown) => new Set(reporters.map((row) => JSON.stringify(valueOf(row)))).size > 1
  const differences: FindingDifference[] = []
  if (differ((row) => row.severity)) {
    const source = (row: ReporterRow) => `${originalText(row.severity_given)}, ${originalText(row.namespace)}`
    differences.push({ kind: 'severity', detail: told((row) => `${severityOf(row.severity)} (${source(row)})`) })
  }
  if (differ((row) => row.fix_state)) differences.push({ kind: 'status', detail: told((row) => fixStateOf(row.fix_state)) })
  if (differ((row) => [...row.match_body.fixVersions].sort())) {
    differences.push({ kind: 'fix', detail: told((row) => row.match_body.fixVersions.join(', ') || 'no version') })
  }
  const ranges = reporters.map(rangeOf)
  if (!ranges.includes(null) && differ(rangeOf)) differences.push({ kind: 'range', detail: told((row) => rangeOf(row) ?? '') })
  return [...differences, ...onlyOne(reporters, results)]
}

function onlyOne(reporters: readonly ReporterRow[], results: readonly EngineResult[]): FindingDifference[] {
  const silent = results.filter(({ engine, has_good_result: isGood }) => isGood && !reporters.some((row) => row.engine === engine))
  return silent.map(({ engine, status, database }) => {
    const made = database === null ? 'without a database' : `with the database built at ${database.builtAt ?? 'an unknown time'}`
    const extent = status === 'complete' ? 'complete result' : `${status} result, which may lack it,`
    return { kind: 'only-one', detail: `${engineOf(engine)} does not report it in its ${extent} made ${made}` }
  })
}
