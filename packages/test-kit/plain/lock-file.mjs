// Plain JavaScript: the scripts of the repository use this before anything is built.
import { randomBytes } from 'node:crypto'
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { identifyProcess, isAlive, waitUntil } from './process-identity.mjs'

/**
 * Takes a lock file for this process, also from a holder that is gone. Returns the function that gives it back,
 * or undefined when another process held it for all of `timeoutMs`.
 * The file appears with its content (a hard link of a written file), so it is never seen half-written.
 * @param {string} path
 * @param {number} timeoutMs
 * @returns {Promise<(() => void) | undefined>}
 */
export async function takeLock(path, timeoutMs) {
  mkdirSync(dirname(path), { recursive: true })
  const draftPath = `${path}.${process.pid}-${randomBytes(4).toString('hex')}`
  writeFileSync(draftPath, JSON.stringify(identifyProcess()))
  try {
    const hasLock = await waitUntil(() => tryTake(draftPath, path), timeoutMs, 25)
    return hasLock ? () => rmSync(path, { force: true }) : undefined
  } finally {
    rmSync(draftPath, { force: true })
  }
}

/**
 * Runs `work` while this process alone holds the lock file.
 * @template T
 * @param {string} path
 * @param {() => Promise<T>} work
 * @param {number} [timeoutMs]
 * @returns {Promise<T>}
 */
export async function withLock(path, work, timeoutMs = 120_000) {
  const release = await takeLock(path, timeoutMs)
  if (!release) throw new Error(`another process holds ${path} for too long`)
  try {
    return await work()
  } finally {
    release()
  }
}

/**
 * The process that holds a lock file, if one is there and its holder lives.
 * @param {string} path
 * @returns {import('./process-identity.mjs').ProcessIdentity | undefined}
 */
export function lockHolder(path) {
  const holder = readIdentity(path)
  return holder && isAlive(holder) ? holder : undefined
}

/** @param {string} draftPath @param {string} path */
function tryTake(draftPath, path) {
  try {
    linkSync(draftPath, path)
    return true
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EEXIST') throw error
  }
  removeStale(path)
  return false
}

/** @param {string} path */
function removeStale(path) {
  const holder = readIdentity(path)
  if (!holder || isAlive(holder)) return
  // Two waiters may both see the dead holder: a rename moves one file once, and what was moved is checked again.
  const asidePath = `${path}.stale-${randomBytes(4).toString('hex')}`
  try {
    renameSync(path, asidePath)
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT') return
    throw error
  }
  const moved = readIdentity(asidePath)
  if (moved && isAlive(moved)) linkSync(asidePath, path)
  rmSync(asidePath, { force: true })
}

/** @param {string} path @returns {import('./process-identity.mjs').ProcessIdentity | undefined} */
function readIdentity(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT') return undefined
    throw error
  }
}
