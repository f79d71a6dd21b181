import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'

/** When a process started, in clock ticks since boot; undefined when there is no such process. Pids are used again, this is not. */
function processStart(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name may hold blanks and parentheses; the fields after its last one are fixed (proc(5): starttime is the 22nd).
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return startWithoutProc(pid)
  }
}

function startWithoutProc(pid: number): string | undefined {
  try {
    process.kill(pid, 0)
    return '0'
  } catch {
    return undefined
  }
}

/**
 * Private temporary folders. They stand below a folder that names this process, so that the next start can tell what a killed
 * process has left behind: `<root>/<pid>-<start>/<random>`.
 */
export class WorkDirectories {
  readonly own: string

  constructor(readonly root: string) {
    this.own = join(root, `${process.pid}-${processStart(process.pid) ?? '0'}`)
  }

  /** Makes a new private folder. */
  async create(name = 'work'): Promise<string> {
    const directory = join(this.own, `${name}-${randomBytes(8).toString('hex')}`)
    await mkdir(directory, { recursive: true, mode: 0o700 })
    return directory
  }

  async remove(directory: string): Promise<void> {
    await rm(directory, { recursive: true, force: true, maxRetries: 3 })
  }

  /** Removes what processes that are no more have left; returns how many folders that were. */
  async removeStale(): Promise<number> {
    await mkdir(this.root, { recursive: true, mode: 0o700 })
    let removed = 0
    for (const name of await readdir(this.root)) {
      const [, pid, start] = /^(\d+)-(\d+)$/.exec(name) ?? []
      if (pid === undefined || processStart(Number(pid)) === start) continue
      await this.remove(join(this.root, name))
      removed += 1
    }
    return removed
  }

  /** Removes everything of this process. */
  async close(): Promise<void> {
    await this.remove(this.own)
  }
}
