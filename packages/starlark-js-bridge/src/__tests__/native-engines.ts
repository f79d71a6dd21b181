import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { ScriptStep } from '../bridge-contract.js'
import { limitsOf } from '../bridge-limits.js'
import { jobHeader } from '../chain-run.js'
import type { EngineProblem, EngineResult } from '../worker-protocol.js'

const program = fileURLToPath(new URL('../../.build/engines-native', import.meta.url))

/** Without Go there are no engines, and nothing to test them with. */
export const hasEngines = existsSync(new URL('../../dist/engines.wasm', import.meta.url))
export const hasNative = hasEngines && existsSync(program)

/** What the native engines answered. */
export interface NativeAnswer {
  output: string
  steps: number
  prints: string[]
  error?: EngineProblem
}

interface NativeEvent {
  event: 'print' | 'finish' | 'done'
  chain: number
  line?: string
  result?: EngineResult
  output?: string
}

/** The same Go code as a process of its own, and the engines with nothing of ours around them (`plain`). */
export class NativeEngines {
  private readonly child: ChildProcessWithoutNullStreams
  private readonly waiting: ((event: NativeEvent) => void)[] = []

  constructor() {
    this.child = spawn(program, [], { stdio: 'pipe' })
    createInterface({ input: this.child.stdout }).on('line', (line) => this.waiting[0]?.(JSON.parse(line) as NativeEvent))
  }

  run(step: ScriptStep, input: string, numbers: 'auto' | 'float' = 'auto'): Promise<NativeAnswer> {
    const limits = { ...limitsOf({ numbers }) }
    return this.ask(jobHeader(limits, { operation: 'run', chains: [{ index: 0, steps: [step] }] }), input)
  }

  plain(step: ScriptStep, input: string): Promise<NativeAnswer> {
    return this.ask(jobHeader(limitsOf({}), { operation: 'plain', chains: [{ index: 0, steps: [step] }] }), input)
  }

  text(source: string, data: string, functions: 'alertmanager' | 'sprig'): Promise<NativeAnswer> {
    const text = { templates: [{ engine: 'template', name: 'text', source }], root: 'text', functions }
    return this.ask(jobHeader(limitsOf({}), { operation: 'text', chains: [], text }), data)
  }

  validate(step: ScriptStep): Promise<NativeAnswer> {
    return this.ask(jobHeader(limitsOf({}), { operation: 'validate', chains: [{ index: 0, steps: [step] }] }), '')
  }

  /** Every function that sprig has, by the library itself. */
  async functionNames(): Promise<string[]> {
    const { output } = await this.ask(jobHeader(limitsOf({}), { operation: 'functions', chains: [] }), '')
    return JSON.parse(output) as string[]
  }

  close(): void {
    this.child.stdin.end()
  }

  private ask(header: string, input: string): Promise<NativeAnswer> {
    const parts = [header, input, ''].map((text) => Buffer.from(text))
    const frame: Buffer[] = [uint32(parts.length)]
    for (const part of parts) frame.push(uint32(part.length), part)
    return new Promise((resolve) => {
      const answer: NativeAnswer = { output: '', steps: 0, prints: [] }
      const take = (event: NativeEvent): void => {
        if (event.event === 'print') answer.prints.push(event.line ?? '')
        else if (event.event === 'finish') {
          answer.output = event.output ?? ''
          answer.steps = event.result?.steps ?? 0
          if (event.result?.error !== undefined) answer.error = event.result.error
        } else {
          this.waiting.shift()
          resolve(answer)
        }
      }
      this.waiting.push(take)
      this.child.stdin.write(Buffer.concat(frame))
    })
  }
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}
