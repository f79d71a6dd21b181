import type { DecisionStatus, Role, VexTrustRule } from '@pharos/contracts'
import { matchesGlob } from '../access/repository-scope.js'

/** The rules that hold until others are set: documents that admins bring decide, all others propose. */
export const defaultTrustRules: readonly VexTrustRule[] = [{ name: 'admins', uploaderRoles: ['admin'] }]

/** Where a statement comes from. */
export interface StatementOrigin {
  readonly author: string | null
  readonly uploadedBy: string
  /** Roles that the uploader had itself. */
  readonly uploaderRoles: readonly Role[]
  /** Patterns of the repositories that the uploader could see; null is all. */
  readonly repositories: readonly string[] | null
}

/** What a statement says of a finding. */
export interface StatementEffect {
  readonly status: DecisionStatus
  /** Repositories that hold the image. */
  readonly repositories: readonly string[]
  /** Package URL of the finding's package. */
  readonly purl: string | null
}

/** An uploader speaks of images that it may see, and of no others. */
export function mayConcern(origin: StatementOrigin, repositories: readonly string[]): boolean {
  return origin.repositories === null || repositories.some((repository) => matchesAny(origin.repositories, repository))
}

/** The rule by which a statement decides a finding; null when it is a proposal. */
export function trustingRule(rules: readonly VexTrustRule[], origin: StatementOrigin, effect: StatementEffect): VexTrustRule | null {
  return (
    rules.find(
      (rule) =>
        (rule.uploaderRoles === undefined || rule.uploaderRoles.some((role) => origin.uploaderRoles.includes(role))) &&
        (rule.uploaders === undefined || matchesAny(rule.uploaders, origin.uploadedBy)) &&
        (rule.authors === undefined || (origin.author !== null && matchesAny(rule.authors, origin.author))) &&
        (rule.statuses === undefined || rule.statuses.includes(effect.status)) &&
        (rule.repositories === undefined || effect.repositories.some((repository) => matchesAny(rule.repositories ?? [], repository))) &&
        (rule.packages === undefined || (effect.purl !== null && matchesAny(rule.packages, effect.purl))),
    ) ?? null
  )
}

function matchesAny(globs: readonly string[] | null, text: string): boolean {
  return globs?.some((glob) => matchesGlob(glob, text)) ?? false
}
