import { randomBytes, randomInt } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inHome } from './places.mjs'

/** Services that sign their requests to results-service. */
export const callers = /** @type {const} */ (['api-gateway', 'scanner-worker', 'scheduler'])

/**
 * The secrets of a local run, made once and kept in files that only their owner reads.
 * @returns {{ serviceKeys: Record<(typeof callers)[number], string>, encryptionKeys: string, redisPassword: string }}
 */
export function readSecrets() {
  const secret = (/** @type {string} */ name) => readOrMake(name, () => randomBytes(32).toString('base64url'))
  return {
    serviceKeys: /** @type {Record<(typeof callers)[number], string>} */ (
      Object.fromEntries(callers.map((name) => [name, secret(`service-key-${name}`)]))
    ),
    encryptionKeys: readOrMake('encryption-keys', () => `k1=${randomBytes(32).toString('base64')}`),
    redisPassword: secret('redis-password'),
  }
}

/** Makes the admin token of this run, and leaves it in a file for the command line. Returns it with its file. */
export function makeAdminToken() {
  const token = `phr_${letters(12)}_${letters(43)}`
  const path = pathOf('admin-token')
  writeSecret(path, token)
  return { token, path }
}

/** @param {string} name @param {() => string} make */
function readOrMake(name, make) {
  const path = pathOf(name)
  try {
    return readFileSync(path, 'utf8').trim()
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'ENOENT') throw error
  }
  const value = make()
  writeSecret(path, value)
  return value
}

/** @param {string} path @param {string} value */
function writeSecret(path, value) {
  writeFileSync(`${path}.new`, `${value}\n`, { mode: 0o600 })
  renameSync(`${path}.new`, path)
}

/** @param {string} name */
function pathOf(name) {
  mkdirSync(inHome('secrets'), { recursive: true, mode: 0o700 })
  return join(inHome('secrets'), name)
}

/** @param {number} count */
function letters(count) {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
  return Array.from({ length: count }, () => alphabet[randomInt(alphabet.length)]).join('')
}
