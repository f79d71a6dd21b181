import { link, readFile, rename, unlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { isErrno } from './file-errno.js'
import { isAbandoned, ownedFileName, OWNER_HEARTBEAT_MS } from './process-owner.js'
import { throwIfCancelled } from './registry-problem.js'

const FIRST_POLL_MS = 10
const LONGEST_POLL_MS = 250

/** A lock that is held; release it in a `finally`. */
export interface HeldLock {
  release(): Promise<void>
}

/**
 * Takes a lock file that all processes on the directory see. It only spares double work: what it guards is verified and
 * moved into place atomically, so two holders at once (a machine that slept through its heartbeats) do no harm.
 * @throws PharosError `cancelled`
 */
export async function acquireLock(directory: string, name: string, signal?: AbortSignal): Promise<HeldLock> {
  const path = join(directory, `${name}.lock`)
  const owner = await ownedFileName()
  for (let pollMs = FIRST_POLL_MS; ; pollMs = Math.min(pollMs * 2, LONGEST_POLL_MS)) {
    throwIfCancelled(signal)
    if (await tryCreate(directory, path, owner)) return hold(path, owner)
    await removeIfAbandoned(directory, path)
    await delay(pollMs, undefined, signal === undefined ? {} : { signal }).catch(() => {
      throwIfCancelled(signal)
    })
  }
}

/** Creates the lock with its owner inside, in one step: a reader never sees an empty lock. */
async function tryCreate(directory: string, path: string, owner: string): Promise<boolean> {
  const draft = join(directory, `${owner}.draft`)
  await writeFile(draft, owner)
  try {
    await link(draft, path)
    return true
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return false
    throw error
  } finally {
    await unlink(draft)
  }
}

function hold(path: string, owner: string): HeldLock {
  const heartbeat = setInterval(() => {
    const now = new Date()
    utimes(path, now, now).catch(() => {
      /* taken away: the work goes on, see acquireLock */
    })
  }, OWNER_HEARTBEAT_MS)
  heartbeat.unref()
  return {
    release: async () => {
      clearInterval(heartbeat)
      if ((await readOwner(path)) === owner) await unlink(path).catch(ignoreMissing)
    },
  }
}

function ignoreMissing(error: unknown): void {
  if (!isErrno(error, 'ENOENT')) throw error
}

async function readOwner(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    ignoreMissing(error)
    return null
  }
}

/** Removes the lock of a dead owner. It is moved aside first and looked at again, so that a new owner's lock is not lost. */
async function removeIfAbandoned(directory: string, path: string): Promise<void> {
  const owner = await readOwner(path)
  if (owner === null || !(await isAbandoned(owner, path))) return
  const aside = join(directory, `${await ownedFileName()}.aside`)
  try {
    await rename(path, aside)
  } catch (error) {
    ignoreMissing(error)
    return
  }
  if ((await readOwner(aside)) !== owner)
    await link(aside, path).catch((error: unknown) => {
      if (!isErrno(error, 'EEXIST')) throw error
    })
  await unlink(aside).catch(ignoreMissing)
}
