import { availableParallelism } from 'node:os'
import type { BridgeOptions } from './bridge-contract.js'

/** The options with their defaults. */
export interface BridgeLimits {
  workers: number
  timeoutMs: number
  memoryMb: number
  steps: number
  maxOutputBytes: number
  maxDepth: number
  maxPrintLines: number
  queueLimit: number
  numbers: 'auto' | 'float'
  seed: number
  now: () => number
}

function whole(name: keyof BridgeOptions, value: number | undefined, fallback: number, least: number, most: number): number {
  const given = value ?? fallback
  if (!Number.isInteger(given) || given < least || given > most)
    throw new RangeError(`${name} must be a whole number from ${least} to ${most}, not ${given}`)
  return given
}

/** @throws RangeError when an option is out of its range. */
export function limitsOf(options: BridgeOptions): BridgeLimits {
  const { now = 0 } = options
  return {
    workers: whole('workers', options.workers, Math.min(2, availableParallelism()), 1, 64),
    timeoutMs: whole('timeoutMs', options.timeoutMs, 5_000, 1, 600_000),
    memoryMb: whole('memoryMb', options.memoryMb, 256, 48, 2_048),
    steps: whole('steps', options.steps, 10_000_000, 1, Number.MAX_SAFE_INTEGER),
    maxOutputBytes: whole('maxOutputBytes', options.maxOutputBytes, 4 * 1024 * 1024, 2, 256 * 1024 * 1024),
    maxDepth: whole('maxDepth', options.maxDepth, 200, 1, 5_000),
    maxPrintLines: whole('maxPrintLines', options.maxPrintLines, 100, 0, 100_000),
    queueLimit: whole('queueLimit', options.queueLimit, 1_000, 1, 1_000_000),
    numbers: options.numbers ?? 'auto',
    seed: whole('seed', options.seed, 1, 0, Number.MAX_SAFE_INTEGER),
    now: typeof now === 'number' ? () => now : now,
  }
}
