import type { DecisionResponse, DecisionStatus, Justification, OriginalDecision } from '@pharos/contracts'
import { type Purl, formatPurl } from '../purl.js'

/** An image in a document. */
export interface ExportedImage {
  /** sha256:… */
  readonly digest: string
  /** registry/path */
  readonly repositories: readonly string[]
}

/** What was decided about a vulnerability of a package in an image. */
export interface ExportedDecision {
  readonly vulnerability: string
  /** Other names of it. */
  readonly aliases: readonly string[]
  readonly image: ExportedImage
  readonly package: { readonly purl: string; readonly name: string; readonly version: string }
  readonly status: DecisionStatus
  readonly justification: Justification | null
  readonly impactStatement: string | null
  readonly comment: string | null
  readonly response: readonly DecisionResponse[]
  readonly original: OriginalDecision | null
  readonly at: Date
}

/** What a document is made of. */
export interface VexExport {
  /** What it is about: `images/sha256:…`, or `fleet` and a name of the filter. */
  readonly subject: string
  readonly author: string
  /** URL without a slash at its end. */
  readonly namespace: string
  /** Rises with each change of a decision. */
  readonly version: number
  readonly firstAt: Date
  readonly lastAt: Date
  /** At most one about a vulnerability, image and purl. */
  readonly decisions: readonly ExportedDecision[]
}

/** Purls of an image, one for each repository that holds it; `repository_url` is the whole path, as the purl specification has it. */
export function imagePurls({ digest, repositories }: ExportedImage): string[] {
  return repositories.map((repository) => {
    const name = repository.slice(repository.lastIndexOf('/') + 1).toLowerCase()
    const purl: Purl = { type: 'oci', namespace: '', name, version: digest, qualifiers: new Map([['repository_url', repository]]) }
    return formatPurl(purl)
  })
}

/** SHA-256 of an image's manifest, hex. */
export function imageHash({ digest }: ExportedImage): string {
  return digest.replace(/^sha\d+:/, '')
}

/** Who may hold a finding against whom: what leaves more open goes first, since a document cannot tell places of a package apart. */
const openness: readonly DecisionStatus[] = ['affected', 'in_triage', 'accepted', 'not_affected', 'false_positive', 'fixed']

/** One decision a vulnerability, image and purl: of several the one that leaves more open, then the newest. */
export function onePerPackage(decisions: readonly ExportedDecision[]): ExportedDecision[] {
  const chosen = new Map<string, ExportedDecision>()
  for (const decision of decisions) {
    const key = JSON.stringify([decision.vulnerability, decision.image.digest, decision.package.purl])
    const known = chosen.get(key)
    const order =
      known === undefined
        ? -1
        : openness.indexOf(decision.status) - openness.indexOf(known.status) || known.at.getTime() - decision.at.getTime()
    if (order < 0) chosen.set(key, decision)
  }
  return [...chosen.values()]
}

/** Groups items that have the same key, in the order of their first. */
export function groupedBy<T>(items: readonly T[], keyOf: (item: T) => unknown): T[][] {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const key = JSON.stringify(keyOf(item))
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [item])
    else group.push(item)
  }
  return [...groups.values()]
}

/** What a decision says, apart from what it is about. */
export function sayingOf({ status, justification, impactStatement, comment, response, original, at }: ExportedDecision): unknown[] {
  return [status, justification, impactStatement, comment, response, original?.justification ?? null, at]
}
