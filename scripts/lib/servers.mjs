import { mkdirSync } from 'node:fs'
import { KeptServer } from './kept-server.mjs'
import { inHome } from './places.mjs'
import { findOrInstall } from './system-packages.mjs'

/**
 * @typedef {object} RunningServer
 * @property {string} url
 * @property {string} name
 * @property {() => Promise<void>} stop
 */

/**
 * The PostgreSQL of this run: an existing one that the environment names, or an embedded one.
 * @param {{ add(name: string, pid: number): void, remove(name: string): void }} record
 * @returns {Promise<RunningServer>}
 */
export async function startDatabase(record) {
  const existing = process.env.PHAROS_DATABASE_URL || process.env.DATABASE_URL
  if (existing) return { url: existing, name: 'PostgreSQL (DATABASE_URL)', stop: async () => {} }
  const { launchPostgres } = await testKit()
  mkdirSync(inHome('logs'), { recursive: true })
  const kept = new KeptServer(
    'postgres',
    (port) => launchPostgres({ directory: inHome('postgres'), logPath: inHome('logs', 'postgres.log'), port }),
    record,
  )
  const server = await kept.start()
  return { url: await applicationDatabase(server.url), name: `PostgreSQL (embedded, port ${server.port})`, stop: () => kept.stop() }
}

/**
 * The Redis of this run: an existing one, or a private one with a password.
 * @param {{ add(name: string, pid: number): void, remove(name: string): void }} record
 * @param {string} password
 * @returns {Promise<RunningServer>}
 */
export async function startRedis(record, password) {
  const existing = process.env.PHAROS_REDIS_URL || process.env.REDIS_URL
  if (existing) return { url: existing, name: 'Redis (REDIS_URL)', stop: async () => {} }
  const program = await findOrInstallRedis()
  const { launchRedis } = await testKit()
  const kept = new KeptServer('redis', (port) => launchRedis({ directory: inHome('redis'), password, program, port }), record)
  const server = await kept.start()
  return { url: server.url, name: `Redis (private, port ${server.port})`, stop: () => kept.stop() }
}

/** redis-server on PATH; else the system's package where it can be installed; else one clear sentence. */
export async function findOrInstallRedis() {
  const program = await findOrInstall('redis-server', { 'apt-get': 'redis-server', apk: 'redis', dnf: 'redis' })
  if (program) return program
  throw new Error(
    'Redis is missing: install the package "redis-server" (Debian, Ubuntu) or "redis" (Alpine, Fedora, Homebrew), or set REDIS_URL',
  )
}

/** The parts that start servers; built by the bootstrap. @returns {Promise<import('../../packages/test-kit/dist/index.js')>} */
export function testKit() {
  return import('../../packages/test-kit/dist/index.js')
}

/** @param {string} adminUrl */
async function applicationDatabase(adminUrl) {
  const { ensureDatabase } = await testKit()
  return ensureDatabase(adminUrl, 'pharos')
}
