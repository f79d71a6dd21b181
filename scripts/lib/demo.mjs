import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { apiClient } from './api.mjs'
import { activateEnrichers, describeContexts } from './demo-enrichers.mjs'
import { freePortLike } from './ports.mjs'
import { testKit } from './servers.mjs'
import { bold, dim, say, step, warn } from './terminal.mjs'

const registryPort = 5050
const feedPort = 5051
const waitMs = 180_000

/**
 * What the demo serves on this machine: a registry with the sample images, and a feed with the sample database.
 * @typedef {object} DemoSite
 * @property {string} registryHost
 * @property {string[]} references
 * @property {string | undefined} feedUrl
 * @property {string | undefined} archivePath
 * @property {() => Promise<void>} close
 */

/** Starts both; what cannot be made is named. @returns {Promise<DemoSite>} */
export async function openDemoSite() {
  const kit = await testKit()
  const [{ images, unavailable }, databases] = await Promise.all([kit.buildSampleImages(), kit.sampleDatabases()])
  const registry = await kit.startRegistry({ port: await freePortLike(registryPort) })
  const references = [...images].map(([name, image]) => registry.add(`sample/${name}`, kit.sampleTag, image))
  for (const [name, reason] of unavailable) warn(`The sample image "${name}" is not to be had: ${reason}`)
  if (!databases.isAvailable) warn(`There is no sample database: ${databases.reason}`)
  const feed = databases.isAvailable
    ? await kit.startDatabaseFeed(databases.value.grype.directory, await freePortLike(feedPort))
    : undefined
  return {
    registryHost: registry.host,
    references,
    feedUrl: feed?.latestUrl,
    archivePath: databases.isAvailable ? databases.value.grype.archivePath : undefined,
    close: async () => {
      await registry.close()
      await feed?.close()
    },
  }
}

/**
 * Imports the sample database, scans every sample image, and prints what came of it.
 * @param {DemoSite} site @param {string} baseUrl @param {string} token
 */
export async function giveTour(site, baseUrl, token) {
  const api = apiClient(baseUrl, token)
  await api('PUT', `/registries/${encodeURIComponent(site.registryHost)}`, {
    json: { host: site.registryHost, allowHttp: true, allowInternal: true },
  })
  const { archivePath } = site
  if (archivePath !== undefined) await step('Sample vulnerability database imported', () => importDatabase(api, archivePath))
  await step('Sample enrichers activated', () => activateEnrichers(api, poll))
  const ids = await submit(api, site.references)
  const tasks = await step('Sample images scanned', () => Promise.all(ids.map((id) => untilEnded(api, id))))
  say()
  say(bold('What is in them') + dim(' (from a sample database of a few known vulnerabilities: an example, not advice)'))
  for (const task of tasks) {
    say(await describeTask(api, task))
    if (task.digest !== null) for (const line of await contextsOf(api, task.digest)) say(line)
  }
}

/** @typedef {ReturnType<typeof apiClient>} Api */

/** @param {Api} api @param {string} archivePath */
async function importDatabase(api, archivePath) {
  const archive = await readFile(archivePath)
  const checksum = createHash('sha256').update(archive).digest('hex')
  const { items: known } = await api('GET', '/databases?engine=grype')
  // A later start of the demo: the same database once more would only make every image be matched again.
  if (known.some((/** @type {{ checksum: string, state: string }} */ item) => item.state === 'active' && item.checksum === checksum)) return
  const candidate = await api('POST', '/databases:import?engine=grype&allowOlder=true&source=sample', { bytes: archive })
  const state = await poll(async () => {
    const { items } = await api('GET', '/databases?engine=grype')
    const found = items.find((/** @type {{ id: string }} */ item) => item.id === candidate.id)
    return ['active', 'retired', 'refused'].includes(found?.state) ? found : undefined
  }, 'the sample database was not taken into use')
  if (state.state === 'refused') throw new Error(`the sample database was refused: ${state.problem}`)
}

/** @param {Api} api @param {string[]} references @returns {Promise<string[]>} */
async function submit(api, references) {
  const { items } = await api('POST', '/scans:batch', { json: { items: references, cohort: 'demo', priority: 'interactive' } })
  for (const item of items) if (item.problem) throw new Error(`${references[item.index]} was not accepted: ${item.problem.detail}`)
  return items.map((/** @type {{ id: string }} */ item) => item.id)
}

/** @param {Api} api @param {string} id */
function untilEnded(api, id) {
  return poll(async () => {
    const task = await api('GET', `/scans/${id}`)
    return task.endedAt === null ? undefined : task
  }, `the scan ${id} did not end`)
}

/** @param {Api} api @param {string} digest @returns {Promise<string[]>} */
function contextsOf(api, digest) {
  return poll(() => describeContexts(api, digest), `the enrichers did not run on ${digest}`)
}

/** @param {Api} api @param {{ id: string, image: string, state: string, digest: string | null, failure: { detail?: string, code?: string } | null }} task */
async function describeTask(api, task) {
  if (task.digest === null || !['succeeded', 'partial'].includes(task.state))
    return `  ${task.image}  ${task.state}: ${task.failure?.detail ?? task.failure?.code ?? 'no reason was given'}`
  const { engines } = await api('GET', `/images/${task.digest}`)
  const counts = engines.find((/** @type {{ engine: string }} */ { engine }) => engine === 'grype')?.counts ?? {}
  const parts = ['critical', 'high', 'medium', 'low', 'negligible', 'unknown']
    .filter((name) => counts[name] > 0)
    .map((name) => `${counts[name]} ${name}`)
  return `  ${task.image.padEnd(40)} ${parts.join(', ') || 'no known vulnerability'}${task.state === 'partial' ? ' (partial)' : ''}`
}

/**
 * @template T
 * @param {() => Promise<T | undefined>} look @param {string} problem
 * @returns {Promise<T>}
 */
async function poll(look, problem) {
  const deadline = Date.now() + waitMs
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    if (Date.now() > deadline) throw new Error(`${problem} within ${waitMs / 1000} s`)
    await new Promise((resolve) => setTimeout(resolve, 300))
  }
}
