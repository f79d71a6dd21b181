import type { StorageGroup } from '@pharos/contracts'
import type { TableSize } from './storage-usage.repository.js'

type GroupName = StorageGroup['name']

/** Which table belongs where: by its name, or the first pattern that fits. */
const groups: readonly (readonly [GroupName, RegExp])[] = [
  ['packages', /^(package|package_input|package_search|image_package)$/],
  ['sboms', /^catalogue(_chunk)?$/],
  ['vulnerabilities', /^(vulnerability(_.*)?|package_match)$/],
  ['history', /^(finding_event|image_package_event|finding_decision_event)$/],
  ['findings', /^(finding|secret_finding|misconfiguration_finding|image_summary|image_engine_result|finding_decision|vex_match)$/],
  ['images', /^image(_.*)?$/],
  ['workloads', /^workload(_.*)?$/],
  ['databases', /^(database_generation|generation_chunk|rematch(_.*)?)$/],
  ['scans', /^(scan_.*|outbox|worker|crash_count|posted_sbom)$/],
  ['events', /^(event|event_consumer|audit_event)$/],
]

const perImage: ReadonlySet<GroupName> = new Set(['images', 'packages', 'sboms', 'vulnerabilities', 'findings', 'history'])

/** Tables in their groups, the largest group first. */
export function groupTables(tables: readonly TableSize[]): StorageGroup[] {
  const found = new Map<GroupName, StorageGroup>()
  for (const { name, bytes } of tables) {
    const group = groups.find(([, pattern]) => pattern.test(name))?.[0] ?? 'other'
    const known = found.get(group) ?? { name: group, tables: 0, bytes: 0, isPerImage: perImage.has(group) }
    found.set(group, { ...known, tables: known.tables + 1, bytes: known.bytes + bytes })
  }
  return [...found.values()].sort((one, other) => other.bytes - one.bytes)
}
