import type { ReportMatch } from './report.js'

/** What an engine says of a package and a vulnerability, apart from the place: it is kept once for a package. */
export type MatchContent = Pick<ReportMatch, 'fixState' | 'fixVersions' | 'fixAvailable' | 'details'>

/** The JSON in which the content of a match is stored. */
export function matchBody({ fixVersions, fixAvailable, details }: MatchContent): string {
  return JSON.stringify({ fixVersions, fixAvailable, details })
}

/** The line of a report that its match is told by, and that its hash is of. */
export function matchLine(content: MatchContent): string {
  return `${content.fixState} ${matchBody(content)}`
}
