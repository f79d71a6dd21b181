/**
 * What the exit status of `pharos` means. Scripts rely on these numbers: they never change.
 */
export const exitCodes = {
  /** Done. */
  ok: 0,
  /** The server cannot be reached, refused the request, or something unexpected happened. */
  error: 1,
  /** The command line is wrong. */
  usage: 2,
  /** The scan ended without a result: failed, quarantined or cancelled. */
  scanFailed: 3,
  /** The scan ended with a result that lacks something; `--allow-partial` makes it 0. */
  scanPartial: 4,
  /** `--fail-on`: an open finding is as severe as named, or worse. */
  findings: 5,
  /** The scan has not ended within `--timeout`; it goes on at the server. */
  timeout: 6,
  /** Enrichers: a set has mistakes, a test of it failed, or an enricher failed. */
  enrichers: 7,
} as const

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

/** Table for `--help`. */
export const exitCodeHelp = `
Exit codes:
  0  done
  1  the server cannot be reached or refused the request
  2  the command line is wrong
  3  the scan failed, was quarantined or cancelled
  4  the scan is partial: something could not be looked at
  5  --fail-on: there is a finding as severe as named
  6  the scan did not end within --timeout (it goes on)
  7  enrichers: a set has mistakes, a test failed, or an enricher failed
`

/** Ends the command with a status of its own after its output has been written. */
export class CommandEnd extends Error {
  constructor(
    readonly exitCode: ExitCode,
    message: string,
  ) {
    super(message)
  }
}
