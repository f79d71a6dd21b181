import { spawn, type ChildProcess } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { Transform, type Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { PharosError } from '@pharos/contracts'
import { MemoryWatch } from './memory-watch.js'
import { minimalEnvironment, signalGroup } from './process-group.js'
import { StderrTail } from './stderr-tail.js'

/** One run of a command-line tool. Nothing is interpreted by a shell; only fixed words and our own paths are arguments. */
export interface ToolRun {
  /** Name for messages, e.g. `grype`. */
  readonly tool: string
  readonly program: string
  readonly args: readonly string[]
  /** Added to the minimal environment. */
  readonly environment?: Readonly<Record<string, string>>
  /** Private folder of this run: working folder, home and temporary folder of the tool. */
  readonly workDirectory: string
  /** Standard output goes to memory, or to a file; never more than the limit. */
  readonly output: { readonly limitBytes: number; readonly path?: string }
  readonly timeoutMs: number
  /** Resident memory beyond which the tool is killed. */
  readonly memoryLimitBytes?: number
  readonly signal?: AbortSignal
}

/** How a run ended by itself. */
export interface ToolRunResult {
  readonly exitCode: number
  /** Empty when the output went to a file. */
  readonly stdout: Buffer
  readonly outputBytes: number
  /** End of standard error without terminal escapes. */
  readonly stderr: string
}

class OutputLimit extends Transform {
  sizeBytes = 0

  constructor(
    private readonly limitBytes: number,
    private readonly onExceeded: () => void,
  ) {
    super()
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.sizeBytes += chunk.length
    if (this.sizeBytes > this.limitBytes) this.onExceeded()
    else this.push(chunk)
    done()
  }
}

class Collect {
  readonly chunks: Buffer[] = []
  async *consume(source: AsyncIterable<Buffer>): AsyncGenerator<never> {
    for await (const chunk of source) this.chunks.push(chunk)
  }
}

/**
 * Runs a tool to its end. A non-zero exit code is an answer, judged by the caller.
 * @throws PharosError `engine-unavailable` (cannot be started), `engine-timeout`, `engine-out-of-memory`, `engine-crashed` (ended by a
 * signal), `engine-output-invalid` (more output than the limit), `disk-full`, `cancelled`
 */
export async function runTool(run: ToolRun): Promise<ToolRunResult> {
  if (run.signal?.aborted === true) throw cancelled(run)
  const child = spawn(run.program, [...run.args], {
    cwd: run.workDirectory,
    env: minimalEnvironment(run.workDirectory, run.environment),
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    shell: false,
  })
  let ending: PharosError | undefined
  const end = (error: PharosError): void => {
    ending ??= error
    signalGroup(child, 'SIGKILL')
  }
  const onAbort = (): void => end(cancelled(run))
  run.signal?.addEventListener('abort', onAbort, { once: true })
  const timer = setTimeout(
    () => end(new PharosError('engine-timeout', `${run.tool} did not finish within ${run.timeoutMs} ms.`)),
    run.timeoutMs,
  )
  const watch = watchMemory(child, run, end)
  const stderr = new StderrTail()
  child.stderr?.on('data', (chunk: Buffer) => stderr.add(chunk))
  try {
    const exit = waitForExit(child, run)
    const limit = new OutputLimit(run.output.limitBytes, () =>
      end(new PharosError('engine-output-invalid', `${run.tool} printed more than ${run.output.limitBytes} bytes.`)),
    )
    const collected = new Collect()
    const outputEnd = passOutput(child, limit, run, collected).catch((error: unknown) => end(outputProblem(run, error)))
    const [exited] = await Promise.all([exit, outputEnd])
    if (ending !== undefined) throw ending
    if (exited.signal !== null)
      throw new PharosError('engine-crashed', `${run.tool} was ended by ${exited.signal}. ${stderr.lastLines()}`.trim())
    return { exitCode: exited.code ?? 1, stdout: Buffer.concat(collected.chunks), outputBytes: limit.sizeBytes, stderr: stderr.text() }
  } finally {
    clearTimeout(timer)
    watch?.stop()
    run.signal?.removeEventListener('abort', onAbort)
    // A child of the tool may outlive it and hold the pipes.
    signalGroup(child, 'SIGKILL')
  }
}

function watchMemory(child: ChildProcess, run: ToolRun, end: (error: PharosError) => void): MemoryWatch | undefined {
  if (run.memoryLimitBytes === undefined || child.pid === undefined) return undefined
  const { memoryLimitBytes } = run
  return new MemoryWatch(child.pid, memoryLimitBytes, (usedBytes) =>
    end(new PharosError('engine-out-of-memory', `${run.tool} used ${usedBytes} bytes of memory; the limit is ${memoryLimitBytes}.`)),
  ).start()
}

function waitForExit(child: ChildProcess, run: ToolRun): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
  return new Promise((resolve, reject) => {
    child.once('error', (cause: NodeJS.ErrnoException) =>
      reject(new PharosError('engine-unavailable', `${run.tool} cannot be started (${cause.code ?? cause.message}).`, { cause })),
    )
    child.once('close', (code, signal) => resolve({ code, signal }))
  })
}

async function passOutput(child: ChildProcess, limit: OutputLimit, run: ToolRun, collected: Collect): Promise<void> {
  if (child.stdout === null) return
  if (run.output.path === undefined) {
    await pipeline(child.stdout, limit, (source: AsyncIterable<Buffer>) => collected.consume(source))
  } else {
    const file: Writable = createWriteStream(run.output.path, { mode: 0o600 })
    await pipeline(child.stdout, limit, file)
  }
}

function outputProblem(run: ToolRun, cause: unknown): PharosError {
  const code = (cause as NodeJS.ErrnoException).code
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new PharosError('disk-full', `There is no room for the output of ${run.tool}.`, { cause })
  return new PharosError('engine-crashed', `The output of ${run.tool} broke off.`, { cause })
}

function cancelled(run: ToolRun): PharosError {
  return new PharosError('cancelled', `${run.tool} was stopped: nobody waits for it any more.`)
}
