import type { WasmImports, WasmMemory } from './web-assembly.js'

/**
 * The little of WASI that a Go program asks for: no file, no directory, no variable, no network. We do not use node:wasi: its poll_oneoff
 * ends the whole process with a segmentation fault when Go sleeps while it dies of a lack of memory.
 */

const SUCCESS = 0
const BAD_DESCRIPTOR = 8
const NOT_SUPPORTED = 52
const SUBSCRIPTION_BYTES = 48
const EVENT_BYTES = 32
const ERROR_TEXT_LIMIT = 65_536

/** Thrown out of the engine when it ends itself. */
export class EngineExit extends Error {
  constructor(readonly exitCode: number) {
    super(`the engine ended with code ${exitCode}`)
  }
}

/** What scripts take for time and chance. */
export interface Surroundings {
  /** Milliseconds since 1970. */
  nowMs: number
  seed: number
}

/** The program's only argument: with none, package flag panics. */
const PROGRAM_NAME = new TextEncoder().encode('engines\0')

/** One instance's system. Time stands still but for sleeps, which take no time: a run must not depend on how fast the machine is. */
export class WasiShim {
  private memory: WasmMemory | undefined
  private readonly decoder = new TextDecoder()
  private sleptNs = 0n
  private ticks = 0n
  private random = 0n
  private nowNs = 0n
  /** What was written to the standard error output: how Go says of what it dies. */
  errorText = ''

  attach(memory: WasmMemory): void {
    this.memory = memory
  }

  surround({ nowMs, seed }: Surroundings): void {
    this.nowNs = BigInt(Math.round(nowMs * 1000)) * 1000n
    this.sleptNs = 0n
    this.reseed(seed)
  }

  /** Each chain starts from the same chance, whatever ran before it. */
  reseed(seed: number): void {
    this.random = BigInt.asUintN(64, BigInt(Math.trunc(seed)) * 0x9e3779b97f4a7c15n)
  }

  readonly imports: WasmImports = {
    args_sizes_get: (countAt: number, bytesAt: number) => {
      this.view.setUint32(countAt >>> 0, 1, true)
      this.view.setUint32(bytesAt >>> 0, PROGRAM_NAME.length, true)
      return SUCCESS
    },
    args_get: (pointersAt: number, bytesAt: number) => {
      this.view.setUint32(pointersAt >>> 0, bytesAt >>> 0, true)
      this.bytes.set(PROGRAM_NAME, bytesAt >>> 0)
      return SUCCESS
    },
    environ_sizes_get: (countAt: number, bytesAt: number) => {
      this.view.setUint32(countAt >>> 0, 0, true)
      this.view.setUint32(bytesAt >>> 0, 0, true)
      return SUCCESS
    },
    environ_get: () => SUCCESS,
    clock_time_get: (clock: number, _precision: bigint, at: number) => {
      // The monotonic clock moves a little with each look, because the runtime waits for it to move.
      const time = clock === 0 ? this.nowNs + this.sleptNs : 1_000_000_000n + this.sleptNs + (this.ticks += 100n)
      this.view.setBigUint64(at >>> 0, BigInt.asUintN(64, time), true)
      return SUCCESS
    },
    random_get: (at: number, length: number) => {
      const bytes = this.bytes.subarray(at >>> 0, (at >>> 0) + (length >>> 0))
      for (let i = 0; i < bytes.length; i += 8) this.fill(bytes.subarray(i, i + 8))
      return SUCCESS
    },
    fd_fdstat_get: (descriptor: number, at: number) => {
      if (descriptor > 2) return BAD_DESCRIPTOR
      this.bytes.fill(0, at >>> 0, (at >>> 0) + 24)
      // A character device.
      this.view.setUint8(at >>> 0, 2)
      return SUCCESS
    },
    fd_write: (descriptor: number, vectorsAt: number, count: number, writtenAt: number) => {
      if (descriptor !== 1 && descriptor !== 2) return BAD_DESCRIPTOR
      let written = 0
      for (let i = 0; i < count; i++) {
        const at = this.view.getUint32((vectorsAt >>> 0) + i * 8, true)
        const length = this.view.getUint32((vectorsAt >>> 0) + i * 8 + 4, true)
        if (this.errorText.length < ERROR_TEXT_LIMIT) this.errorText += this.decoder.decode(this.bytes.subarray(at, at + length))
        written += length
      }
      this.view.setUint32(writtenAt >>> 0, written, true)
      return SUCCESS
    },
    fd_prestat_get: () => BAD_DESCRIPTOR,
    poll_oneoff: (subscriptionsAt: number, eventsAt: number, count: number, countAt: number) =>
      this.poll(subscriptionsAt >>> 0, eventsAt >>> 0, count, countAt >>> 0),
    sched_yield: () => SUCCESS,
    proc_exit: (code: number) => {
      throw new EngineExit(code)
    },
    ...Object.fromEntries(
      [
        'fd_close',
        'fd_fdstat_set_flags',
        'fd_filestat_get',
        'fd_filestat_set_size',
        'fd_pread',
        'fd_prestat_dir_name',
        'fd_pwrite',
        'fd_read',
        'fd_readdir',
        'fd_seek',
        'fd_sync',
        'path_create_directory',
        'path_filestat_get',
        'path_filestat_set_times',
        'path_link',
        'path_open',
        'path_readlink',
        'path_remove_directory',
        'path_rename',
        'path_symlink',
        'path_unlink_file',
        'sock_accept',
        'sock_shutdown',
        'fd_tell',
        'fd_datasync',
        'fd_advise',
        'fd_allocate',
      ].map((name) => [name, () => NOT_SUPPORTED]),
    ),
  }

  private get view(): DataView {
    if (this.memory === undefined) throw new Error('the instance has no memory yet')
    // Taken anew each time: growth detaches it.
    return new DataView(this.memory.buffer)
  }

  private get bytes(): Uint8Array {
    if (this.memory === undefined) throw new Error('the instance has no memory yet')
    return new Uint8Array(this.memory.buffer)
  }

  /** Eight bytes of a splitmix64 sequence. */
  private fill(bytes: Uint8Array): void {
    this.random = BigInt.asUintN(64, this.random + 0x9e3779b97f4a7c15n)
    let z = this.random
    z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n)
    z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn)
    z ^= z >> 31n
    for (let i = 0; i < bytes.length; i++) bytes[i] = Number((z >> BigInt(8 * i)) & 0xffn)
  }

  /** Sleeps: only clocks are waited for. The first to end moves the time on. */
  private poll(subscriptionsAt: number, eventsAt: number, count: number, countAt: number): number {
    const view = this.view
    let first: { userData: bigint; delayNs: bigint } | undefined
    for (let i = 0; i < count; i++) {
      const at = subscriptionsAt + i * SUBSCRIPTION_BYTES
      if (view.getUint8(at + 8) !== 0) continue
      const isAbsolute = (view.getUint16(at + 40, true) & 1) === 1
      const timeout = view.getBigUint64(at + 24, true)
      const monotonic = 1_000_000_000n + this.sleptNs + this.ticks
      const delayNs = isAbsolute ? (timeout > monotonic ? timeout - monotonic : 0n) : timeout
      if (first === undefined || delayNs < first.delayNs) first = { userData: view.getBigUint64(at, true), delayNs }
    }
    if (first === undefined) return NOT_SUPPORTED
    this.sleptNs += first.delayNs
    this.bytes.fill(0, eventsAt, eventsAt + EVENT_BYTES)
    view.setBigUint64(eventsAt, first.userData, true)
    view.setUint32(countAt, 1, true)
    return SUCCESS
  }
}
