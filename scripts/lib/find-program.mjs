import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/**
 * The first program of that name on PATH that may be run.
 * @param {string} name
 * @returns {string | undefined}
 */
export function findProgram(name) {
  for (const directory of (process.env.PATH ?? '').split(delimiter)) {
    if (directory === '') continue
    const path = join(directory, name)
    if (isExecutable(path)) return path
  }
  return undefined
}

/** @param {string} path */
export function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
