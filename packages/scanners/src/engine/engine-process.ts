import { spawn, type ChildProcessByStdio } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { PharosError } from '@pharos/contracts'
import type { z } from 'zod'
import { MemoryWatch } from '../process/memory-watch.js'
import { minimalEnvironment, signalGroup } from '../process/process-group.js'
import { StderrTail } from '../process/stderr-tail.js'
import { engineProblem } from './engine-problem.js'
import { EngineHello, EngineMessage, engineProtocol } from './schema.js'

/** How an engine process is started. */
export interface EngineProcessOptions {
  readonly program: string
  /** Private folder of the process: working folder and temporary files. */
  readonly workDirectory: string
  /** Unpacked layers, shared by all engines of a machine. */
  readonly layerCacheDirectory: string
  readonly layerCacheBytes: number
  /** Resident memory beyond which it is killed; its garbage collector is told nine tenths of it. */
  readonly memoryLimitBytes: number
  readonly maxLayerBytes: number
  readonly maxImageBytes: number
  readonly maxFiles: number
}

/** One request's bounds. */
export interface EngineCallOptions {
  readonly timeoutMs: number
  readonly signal?: AbortSignal
  readonly onProgress?: (phase: string) => void
}

const startTimeoutMs = 20_000
/** The engine answers a cancelled or late request within its own grace of 5 s; after this it is killed. */
const endGraceMs = 7_000
const lineLimitCharacters = 16 * 1024 * 1024

interface Waiting {
  readonly resolve: (result: unknown) => void
  readonly reject: (error: PharosError) => void
  readonly onProgress: ((phase: string) => void) | undefined
}

/** One running engine. It dies with its first fault; the client above starts the next one. */
export class EngineProcess {
  private readonly waiting = new Map<string, Waiting>()
  private readonly stderr = new StderrTail()
  private readonly memory: MemoryWatch
  private sequence = 0
  private rest = ''
  private death: PharosError | undefined
  private readonly exited: Promise<void>
  /** Resident memory as of the last answer. */
  rssBytes = 0

  private constructor(
    private readonly child: ChildProcessByStdio<Writable, Readable, Readable>,
    limitBytes: number,
  ) {
    child.stdout.setEncoding('utf8').on('data', (text: string) => this.read(text))
    child.stderr.on('data', (chunk: Buffer) => this.stderr.add(chunk))
    // A broken pipe is followed by the exit, which says more.
    child.stdin.on('error', () => undefined)
    this.memory = new MemoryWatch(child.pid ?? 0, limitBytes, (usedBytes) =>
      this.die(new PharosError('engine-out-of-memory', `The scan engine used ${usedBytes} bytes of memory; the limit is ${limitBytes}.`)),
    ).start()
    this.exited = new Promise((resolve) => {
      child.once('error', (cause) => {
        this.die(new PharosError('engine-unavailable', 'The scan engine cannot be started.', { cause }))
        resolve()
      })
      child.once('close', (code, signal) => {
        this.die(this.problemOfExit(code, signal))
        resolve()
      })
    })
  }

  /** Starts an engine and checks that it speaks our protocol. @throws PharosError `engine-unavailable`, `engine-crashed` */
  static async start(options: EngineProcessOptions): Promise<{ process: EngineProcess; hello: EngineHello }> {
    const child = spawn(
      options.program,
      [
        '--layer-cache',
        options.layerCacheDirectory,
        '--layer-cache-bytes',
        String(options.layerCacheBytes),
        '--temp',
        options.workDirectory,
        '--memory-limit-bytes',
        String(Math.floor(options.memoryLimitBytes * 0.9)),
        '--max-layer-bytes',
        String(options.maxLayerBytes),
        '--max-image-bytes',
        String(options.maxImageBytes),
        '--max-files',
        String(options.maxFiles),
      ],
      {
        cwd: options.workDirectory,
        env: minimalEnvironment(options.workDirectory),
        stdio: ['pipe', 'pipe', 'pipe'],
        detached: true,
        shell: false,
      },
    )
    const started = new EngineProcess(child, options.memoryLimitBytes)
    try {
      const hello = await started.call('hello', {}, EngineHello, { timeoutMs: startTimeoutMs })
      if (hello.protocol !== engineProtocol)
        throw new PharosError('engine-unavailable', `The scan engine speaks protocol ${hello.protocol}; ${engineProtocol} is needed.`)
      return { process: started, hello }
    } catch (error) {
      await started.kill()
      throw error
    }
  }

  get isAlive(): boolean {
    return this.death === undefined
  }

  /**
   * Sends a request and waits for its answer.
   * @throws PharosError what the engine answers; `engine-crashed`, `engine-out-of-memory`, `engine-timeout`, `engine-output-invalid`, `cancelled`
   */
  async call<S extends z.ZodType>(
    op: string,
    fields: Readonly<Record<string, unknown>>,
    schema: S,
    options: EngineCallOptions,
  ): Promise<z.output<S>> {
    if (this.death !== undefined) throw this.death
    if (options.signal?.aborted === true) throw cancelled()
    this.sequence += 1
    const id = String(this.sequence)
    let overdue: PharosError | undefined
    let killTimer: NodeJS.Timeout | undefined
    const end = (reason: PharosError): void => {
      overdue ??= reason
      this.send({ id: `${id}-cancel`, op: 'cancel', target: id })
      killTimer ??= setTimeout(() => this.die(reason), endGraceMs)
    }
    const onAbort = (): void => end(cancelled())
    options.signal?.addEventListener('abort', onAbort, { once: true })
    const timer = setTimeout(
      () => end(new PharosError('engine-timeout', `The scan engine did not finish ${op} within ${options.timeoutMs} ms.`)),
      options.timeoutMs,
    )
    try {
      const result = await new Promise<unknown>((resolve, reject) => {
        this.waiting.set(id, { resolve, reject, onProgress: options.onProgress })
        this.send({ id, op, ...fields })
      })
      const parsed = schema.safeParse(result)
      if (!parsed.success)
        throw new PharosError('engine-output-invalid', `The scan engine answered ${op} in an unknown form.`, { cause: parsed.error })
      return parsed.data
    } catch (error) {
      throw overdue ?? error
    } finally {
      this.waiting.delete(id)
      clearTimeout(timer)
      clearTimeout(killTimer)
      options.signal?.removeEventListener('abort', onAbort)
    }
  }

  /** Ends it politely: end of input, then SIGKILL. */
  async stop(graceMs = 3_000): Promise<void> {
    if (this.death === undefined) this.child.stdin.end()
    const timer = setTimeout(() => signalGroup(this.child, 'SIGKILL'), graceMs)
    await this.exited
    clearTimeout(timer)
  }

  async kill(): Promise<void> {
    signalGroup(this.child, 'SIGKILL')
    await this.exited
  }

  private send(message: Readonly<Record<string, unknown>>): void {
    if (this.child.stdin.writable) this.child.stdin.write(`${JSON.stringify(message)}\n`)
  }

  private read(text: string): void {
    const lines = (this.rest + text).split('\n')
    this.rest = lines.pop() ?? ''
    if (this.rest.length > lineLimitCharacters)
      this.die(new PharosError('engine-output-invalid', `The scan engine wrote a line of more than ${lineLimitCharacters} characters.`))
    for (const line of lines) if (line !== '') this.take(line)
  }

  private take(line: string): void {
    const message = parseMessage(line)
    if (message === undefined) {
      this.die(
        new PharosError('engine-output-invalid', `The scan engine wrote a line that is no message: ${JSON.stringify(line.slice(0, 200))}`),
      )
      return
    }
    const waiting = this.waiting.get(message.id)
    if ('event' in message) {
      waiting?.onProgress?.(message.phase)
      return
    }
    this.rssBytes = message.rssBytes
    if (message.ok) waiting?.resolve(message.result)
    else waiting?.reject(engineProblem(message.error))
  }

  private die(problem: PharosError): void {
    if (this.death !== undefined) return
    this.death = problem
    this.memory.stop()
    signalGroup(this.child, 'SIGKILL')
    for (const waiting of this.waiting.values()) waiting.reject(problem)
    this.waiting.clear()
  }

  private problemOfExit(code: number | null, signal: NodeJS.Signals | null): PharosError {
    const tail = this.stderr.lastLines()
    // Go says so itself; the kernel's killer says nothing, but nobody else sends SIGKILL to an engine that we did not end.
    if (/fatal error: (?:runtime: )?(?:cannot allocate memory|out of memory)/.test(tail))
      return new PharosError('engine-out-of-memory', `The scan engine ran out of memory. ${tail}`.trim())
    if (signal !== null) return new PharosError('engine-crashed', `The scan engine was ended by ${signal}. ${tail}`.trim())
    return new PharosError('engine-crashed', `The scan engine ended with exit code ${code ?? '?'}. ${tail}`.trim())
  }
}

function parseMessage(line: string): EngineMessage | undefined {
  try {
    const parsed = EngineMessage.safeParse(JSON.parse(line))
    return parsed.success ? parsed.data : undefined
  } catch {
    return undefined
  }
}

function cancelled(): PharosError {
  return new PharosError('cancelled', 'The scan engine was stopped: nobody waits for it any more.')
}
