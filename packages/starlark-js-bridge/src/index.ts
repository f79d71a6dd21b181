export { createBridge } from './bridge.js'
export { JsonText } from './bridge-contract.js'
export type {
  Bridge,
  BridgeOptions,
  BridgeStats,
  Chain,
  ChainResult,
  ChainsRequest,
  JsonValue,
  RunFailure,
  RunRequest,
  RunResult,
  RunSuccess,
  ScriptEngine,
  ScriptError,
  ScriptErrorKind,
  ScriptStep,
  TextRequest,
  TextResult,
  ValidateResult,
} from './bridge-contract.js'
export { BridgeBusyError, BridgeClosedError, BridgeError, BridgeUnavailableError, describeScriptError } from './bridge-error.js'
export type { HttpOptions } from './http-options.js'
