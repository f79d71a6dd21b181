import { readFile } from 'node:fs/promises'

/** Resident memory of a process in bytes; undefined where /proc does not exist or the process has ended. */
async function residentBytes(pid: number): Promise<number | undefined> {
  try {
    const status = await readFile(`/proc/${pid}/status`, 'utf8')
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024
  } catch {
    return undefined
  }
}

/** Watches a process until `stop` is called; `onExceeded` is called once when its resident memory passes the limit. */
export class MemoryWatch {
  private timer: NodeJS.Timeout | undefined
  peakBytes = 0

  constructor(
    private readonly pid: number,
    private readonly limitBytes: number,
    private readonly onExceeded: (usedBytes: number) => void,
  ) {}

  start(intervalMs = 100): this {
    const look = async (): Promise<void> => {
      const usedBytes = await residentBytes(this.pid)
      if (this.timer === undefined) return
      if (usedBytes !== undefined) {
        this.peakBytes = Math.max(this.peakBytes, usedBytes)
        if (usedBytes > this.limitBytes) {
          this.stop()
          this.onExceeded(usedBytes)
          return
        }
      }
      this.timer = setTimeout(() => void look(), intervalMs).unref()
    }
    this.timer = setTimeout(() => void look(), intervalMs).unref()
    return this
  }

  stop(): void {
    clearTimeout(this.timer)
    this.timer = undefined
  }
}
