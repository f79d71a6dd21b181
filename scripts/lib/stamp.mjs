import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * A hash over the content of files and further words.
 * @param {string[]} paths @param {...string} words
 */
export function hashOf(paths, ...words) {
  const hash = createHash('sha256').update(words.join('\0'))
  for (const path of paths) hash.update(`\0${path}\0`).update(readFileSync(path))
  return hash.digest('hex')
}

/** Whether a stamp says that the work for this hash was done. @param {string} path @param {string} hash */
export function hasStamp(path, hash) {
  try {
    return readFileSync(path, 'utf8') === hash
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT') return false
    throw error
  }
}

/** @param {string} path @param {string} hash */
export function writeStamp(path, hash) {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, hash)
}
