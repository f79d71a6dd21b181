import { createHash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { hostname } from 'node:os'
import { randomUUID } from 'node:crypto'

/** A file of a process on another machine (or container) counts as abandoned after this long without a touch. */
const FOREIGN_STALE_MS = 60_000
/** Owners touch what they hold this often. */
export const OWNER_HEARTBEAT_MS = 10_000

const HOST = createHash('sha256').update(hostname()).digest('hex').slice(0, 12)

/** Clock ticks at which a process started: tells a process from a later one with the same id. Linux only; else `0`. */
async function startTicks(pid: number): Promise<string> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, 'utf8')
    // The second field is the command in brackets and may hold spaces; the rest begins behind the last bracket.
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? '0'
  } catch {
    return '0'
  }
}

let ownName: Promise<string> | undefined

/** Names this process, as part of a file name: machine, process id, start. */
function ownerName(): Promise<string> {
  ownName ??= startTicks(process.pid).then((ticks) => `${HOST}.${process.pid}.${ticks}`)
  return ownName
}

/** A file name nobody else uses, which names its owner. */
export async function ownedFileName(): Promise<string> {
  return `${await ownerName()}.${randomUUID()}`
}

/** Whether the owner in a file's name (or content) is gone. `path` is looked at for its age when the owner cannot be. */
export async function isAbandoned(owner: string, path: string): Promise<boolean> {
  const match = /^([0-9a-f]{12})\.(\d+)\.(\d+)(?:\.|$)/.exec(owner)
  if (match !== null && match[1] === HOST) {
    const pid = Number(match[2])
    try {
      process.kill(pid, 0)
    } catch (error) {
      // EPERM: it lives, under another user.
      if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) return true
    }
    return match[3] !== '0' && match[3] !== (await startTicks(pid))
  }
  try {
    return Date.now() - (await stat(path)).mtimeMs > FOREIGN_STALE_MS
  } catch {
    return false
  }
}
