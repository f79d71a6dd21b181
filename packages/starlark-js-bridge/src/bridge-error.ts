import type { ScriptError } from './bridge-contract.js'

/** The bridge itself could not take or finish a call; a script's own failure is a result, not an error. */
export abstract class BridgeError extends Error {
  abstract readonly code: 'bridge-busy' | 'bridge-closed' | 'bridge-unavailable'
  abstract readonly isRetryable: boolean
}

/** Too many runs wait already. */
export class BridgeBusyError extends BridgeError {
  readonly code = 'bridge-busy'
  readonly isRetryable = true
}

/** The bridge was closed. */
export class BridgeClosedError extends BridgeError {
  readonly code = 'bridge-closed'
  readonly isRetryable = false
}

/** The engines are not built, or no worker starts. */
export class BridgeUnavailableError extends BridgeError {
  readonly code = 'bridge-unavailable'
  readonly isRetryable = false
}

/** One line for a log or a terminal: `owner.star:3:7: runtime: ...`. */
export function describeScriptError(error: ScriptError): string {
  const place = [error.script, error.line, error.column].filter((part) => part !== undefined).join(':')
  return `${place}: ${error.kind}: ${error.message}`
}
