import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { linkSync } from 'node:fs'
import { dirname } from 'node:path'
import { identifyProcess, isAlive, waitUntil, type ProcessIdentity } from './process-identity.js'

/**
 * Runs `work` while this process alone holds the lock file. A lock whose holder is gone is taken over.
 * The file appears with its content (a hard link of a written file), so it is never seen half-written.
 */
export async function withLock<T>(path: string, work: () => Promise<T>, timeoutMs = 120_000): Promise<T> {
  mkdirSync(dirname(path), { recursive: true })
  const draftPath = `${path}.${process.pid}-${randomBytes(4).toString('hex')}`
  writeFileSync(draftPath, JSON.stringify(identifyProcess()))
  try {
    const hasLock = await waitUntil(() => tryTake(draftPath, path), timeoutMs, 25)
    if (!hasLock) throw new Error(`another process holds ${path} for too long`)
  } finally {
    rmSync(draftPath, { force: true })
  }
  try {
    return await work()
  } finally {
    rmSync(path, { force: true })
  }
}

function tryTake(draftPath: string, path: string): boolean {
  try {
    linkSync(draftPath, path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  removeStale(path)
  return false
}

function removeStale(path: string): void {
  let holder: ProcessIdentity
  try {
    holder = JSON.parse(readFileSync(path, 'utf8')) as ProcessIdentity
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  if (isAlive(holder)) return
  // Two waiters may both see the dead holder: a rename moves one file once, and what was moved is checked again.
  const asidePath = `${path}.stale-${randomBytes(4).toString('hex')}`
  try {
    renameSync(path, asidePath)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  const moved = JSON.parse(readFileSync(asidePath, 'utf8')) as ProcessIdentity
  if (isAlive(moved)) linkSync(asidePath, path)
  rmSync(asidePath, { force: true })
}
