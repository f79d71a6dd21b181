import type { Severity } from '@pharos/contracts'

/**
 * Severities as scanners and their sources word them, and ours.
 * | given | normalised |
 * | --- | --- |
 * | Critical | critical |
 * | High, Important | high |
 * | Medium, Moderate | medium |
 * | Low, Minor | low |
 * | Negligible, Unimportant, None, Info | negligible |
 * | anything else | unknown |
 */
const normalised: Readonly<Record<string, Severity>> = {
  critical: 'critical',
  high: 'high',
  important: 'high',
  medium: 'medium',
  moderate: 'medium',
  low: 'low',
  minor: 'low',
  negligible: 'negligible',
  unimportant: 'negligible',
  none: 'negligible',
  info: 'negligible',
  informational: 'negligible',
}

/** Our severity for a given one. */
export function normaliseSeverity(given: string | undefined): Severity {
  return normalised[(given ?? '').trim().toLowerCase()] ?? 'unknown'
}
