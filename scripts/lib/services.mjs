import { join } from 'node:path'
import { home as ownHome, root } from './places.mjs'
import { mustRun } from './run-command.mjs'
import { callers } from './secrets.mjs'

/** @typedef {import('./supervised-process.mjs').ProcessPlan} ProcessPlan */

/**
 * @typedef {object} ServicePorts
 * @property {number} gateway
 * @property {number} results
 * @property {number} worker
 * @property {number} scheduler
 */

/**
 * @typedef {object} RunSettings
 * @property {string} databaseUrl
 * @property {string} redisUrl
 * @property {string} adminToken
 * @property {ReturnType<typeof import('./secrets.mjs').readSecrets>} secrets
 * @property {ServicePorts} ports
 * @property {Record<string, string>} [schedulerEnvironment] Parameters that only the demo gives.
 * @property {string} [home] Folder of tools, caches and logs; by default that of this run.
 */

/**
 * The services in the order in which they start; they end the other way round.
 * @param {RunSettings} settings
 * @returns {{ results: ProcessPlan, others: ProcessPlan[] }}
 */
export function servicePlans(settings) {
  const { ports, secrets, home = ownHome } = settings
  const resultsUrl = `http://127.0.0.1:${ports.results}`
  const caller = (/** @type {(typeof callers)[number]} */ name) => ({
    PHAROS_SERVICE_KEY: secrets.serviceKeys[name],
    PHAROS_RESULTS_URL: resultsUrl,
    PHAROS_REDIS_URL: settings.redisUrl,
  })
  return {
    results: plan(home, 'results-service', ports.results, resultsEnvironment(settings), youngReports),
    others: [
      plan(home, 'scanner-worker', ports.worker, { ...caller('scanner-worker'), PHAROS_CACHE_DIR: join(home, 'cache', 'scanner-worker') }),
      plan(home, 'scheduler', ports.scheduler, {
        ...caller('scheduler'),
        PHAROS_TOOLS_DIRECTORY: join(home, 'tools', 'bin'),
        PHAROS_CACHE_DIRECTORY: join(home, 'cache', 'scheduler'),
        ...settings.schedulerEnvironment,
      }),
      plan(home, 'api-gateway', ports.gateway, caller('api-gateway')),
    ],
  }
}

/** Brings the database to the newest migration. @param {RunSettings} settings */
export async function migrate(settings) {
  await mustRun(process.execPath, [join(root, 'apps/results-service/dist/migrate.js')], {
    environment: { ...common(settings.home ?? ownHome, settings.ports.results), ...resultsEnvironment(settings) },
  })
}

/** @param {RunSettings} settings */
function resultsEnvironment({ databaseUrl, redisUrl, adminToken, secrets }) {
  return {
    PHAROS_DATABASE_URL: databaseUrl,
    PHAROS_REDIS_URL: redisUrl,
    PHAROS_SERVICE_KEYS: callers.map((name) => `${name}=${secrets.serviceKeys[name]}`).join(','),
    PHAROS_ENCRYPTION_KEYS: secrets.encryptionKeys,
    PHAROS_BOOTSTRAP_ADMIN_TOKEN: adminToken,
  }
}

/**
 * Reports are large and die when they are stored. With Node's 16 MiB for what is new, several at once are copied again and
 * again by the collector, which costs up to a quarter of the CPU time of storing them.
 */
const youngReports = ['--max-semi-space-size=64']

/**
 * @param {string} home
 * @param {string} name
 * @param {number} port
 * @param {Record<string, string>} environment
 * @param {readonly string[]} [nodeArguments]
 * @returns {ProcessPlan}
 */
function plan(home, name, port, environment, nodeArguments = []) {
  return {
    name,
    program: process.execPath,
    args: [...nodeArguments, '--enable-source-maps', join(root, 'apps', name, 'dist/main.js')],
    cwd: root,
    environment: { ...common(home, port), ...environment },
    logPath: join(home, 'logs', `${name}.log`),
    readyUrl: `http://127.0.0.1:${port}/readyz`,
  }
}

/** @param {string} home @param {number} port */
function common(home, port) {
  return {
    PHAROS_HOME: home,
    PHAROS_HOST: '127.0.0.1',
    PHAROS_PORT: String(port),
    PHAROS_LOG_FORMAT: 'json',
    DATABASE_URL: undefined,
    REDIS_URL: undefined,
  }
}
