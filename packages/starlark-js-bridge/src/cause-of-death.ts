import type { ScriptErrorKind } from './bridge-contract.js'
import { EngineExit } from './wasi-shim.js'

const firstLine = (text: string): string => text.split('\n', 1)[0] ?? ''

/**
 * What an instance died of, from what it threw and what Go wrote last. Go cannot report these as a value: they are fatal to the runtime.
 */
export function causeOfDeath(error: unknown, errorText: string): { kind: ScriptErrorKind; message: string } {
  if (/out of memory|cannot allocate memory|out of memory \(stackalloc\)/.test(errorText))
    return { kind: 'memory', message: 'the script needs more memory than it may have' }
  if (error instanceof RangeError || /stack overflow|goroutine stack exceeds/.test(errorText))
    return { kind: 'stack', message: 'the script calls itself too deeply' }
  const fatal = /^(?:fatal error|panic): (.*)$/m.exec(errorText)
  if (fatal !== null) return { kind: 'crash', message: (fatal[1] ?? '').slice(0, 1_000) }
  if (error instanceof EngineExit) return { kind: 'crash', message: firstLine(errorText) || error.message }
  return { kind: 'crash', message: error instanceof Error ? error.message : String(error) }
}
