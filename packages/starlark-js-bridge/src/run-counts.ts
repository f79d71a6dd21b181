import type { BridgeStats, ScriptEngine, ScriptError } from './bridge-contract.js'

/** Counts what ended, how, and in how much time. */
export class RunCounts {
  private readonly runs: BridgeStats['runs'] = {
    starlark: { succeeded: 0, failed: 0, seconds: 0 },
    template: { succeeded: 0, failed: 0, seconds: 0 },
    yaegi: { succeeded: 0, failed: 0, seconds: 0 },
    text: { succeeded: 0, failed: 0, seconds: 0 },
  }
  private readonly failures: BridgeStats['failures'] = {}

  add(engine: ScriptEngine | 'text', result: { ok: true; ms: number } | { ok: false; ms: number; error: ScriptError }): void {
    const counts = this.runs[engine]
    counts.seconds += result.ms / 1000
    if (result.ok) {
      counts.succeeded++
      return
    }
    counts.failed++
    this.failures[result.error.kind] = (this.failures[result.error.kind] ?? 0) + 1
  }

  read(): Pick<BridgeStats, 'runs' | 'failures'> {
    return { runs: structuredClone(this.runs), failures: { ...this.failures } }
  }
}
