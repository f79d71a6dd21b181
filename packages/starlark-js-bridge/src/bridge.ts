import type { Bridge, BridgeOptions } from './bridge-contract.js'
import { BridgeUnavailableError } from './bridge-error.js'

/**
 * Compiles the engines and starts the workers.
 * @throws BridgeUnavailableError when the engines are not built or no worker starts.
 */
export function createBridge(_options: BridgeOptions = {}): Promise<Bridge> {
  return Promise.reject(new BridgeUnavailableError('the engines are not built'))
}
