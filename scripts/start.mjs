#!/usr/bin/env node
// npm start: everything of Pharos on this machine, until Ctrl-C.
import './lib/node-version.mjs'
import { bootstrap } from './bootstrap.mjs'
import { readStartArguments, startHelp } from './lib/arguments.mjs'
import { giveTour, openDemoSite } from './lib/demo.mjs'
import { clearState } from './lib/fresh.mjs'
import { inHome, root } from './lib/places.mjs'
import { canListen, freePortLike } from './lib/ports.mjs'
import { RunRecord } from './lib/run-record.mjs'
import { makeAdminToken, readSecrets } from './lib/secrets.mjs'
import { startDatabase, startRedis } from './lib/servers.mjs'
import { migrate, servicePlans } from './lib/services.mjs'
import { Shutdown } from './lib/shutdown.mjs'
import { SupervisedProcess } from './lib/supervised-process.mjs'
import { bold, dim, red, say, step } from './lib/terminal.mjs'
import { describeTools, obtainTools } from './scanners.mjs'

const graceMs = 15_000

/** @param {ReturnType<typeof readStartArguments>} options @param {Shutdown} shutdown */
async function start(options, shutdown) {
  const begun = await RunRecord.begin()
  if ('runningPid' in begun)
    throw new Error(
      `Pharos already runs here (process ${begun.runningPid}); end it with Ctrl-C there, or choose another folder with PHAROS_HOME`,
    )
  const { record, ended } = begun
  shutdown.add('run', async () => record.end())
  if (ended.length > 0) say(`An earlier run was cut off; ended what it left: ${ended.join(', ')}`)

  await bootstrap()
  shutdown.check()
  if (options.isFresh) await clearState()
  describeTools(await obtainTools())
  shutdown.check()

  const secrets = readSecrets()
  const adminToken = makeAdminToken()
  const database = await startDatabase(record)
  shutdown.add('database', database.stop)
  const redis = await startRedis(record, secrets.redisPassword)
  shutdown.add('redis', redis.stop)
  say(`${database.name}, ${redis.name}`)
  shutdown.check()

  const site = options.isDemo ? await openDemoSite() : undefined
  if (site) shutdown.add('demo', site.close)
  const settings = {
    databaseUrl: database.url,
    redisUrl: redis.url,
    adminToken: adminToken.token,
    secrets,
    ports: await choosePorts(options.port),
    schedulerEnvironment: site?.feedUrl === undefined ? {} : { PHAROS_GRYPE_DATABASE_URL: site.feedUrl },
  }
  await step('Database migrated', () => migrate(settings))
  shutdown.check()
  await step('Services started', async () => {
    const { results, others } = servicePlans(settings)
    await launch(results, record, shutdown)
    await Promise.all(others.map((plan) => launch(plan, record, shutdown)))
  })
  shutdown.check()

  const address = `http://127.0.0.1:${settings.ports.gateway}`
  if (site) await giveTour(site, address, adminToken.token)
  printWelcome(address, adminToken, site?.references[0])
}

/** @param {import('./lib/supervised-process.mjs').ProcessPlan} plan @param {RunRecord} record @param {Shutdown} shutdown */
async function launch(plan, record, shutdown) {
  const service = new SupervisedProcess(plan, record)
  shutdown.add(plan.name, () => service.stop(graceMs))
  await service.start()
}

/** @param {number | undefined} wanted */
async function choosePorts(wanted) {
  const asked = wanted ?? (Number(process.env.PHAROS_PORT) || undefined)
  if (asked !== undefined && !(await canListen(asked)))
    throw new Error(`port ${asked} is taken; choose another with npm start -- --port PORT`)
  return {
    gateway: asked ?? (await freePortLike(8080)),
    results: await freePortLike(8081),
    worker: await freePortLike(8082),
    scheduler: await freePortLike(8083),
  }
}

/** @param {string} address @param {{ token: string, path: string }} adminToken @param {string | undefined} reference */
function printWelcome(address, { token, path }, reference = 'alpine:3.18') {
  say()
  say(`${bold('Pharos runs at')} ${address}   API: ${address}/docs   logs: ${inHome('logs')}`)
  say()
  say(`In another terminal (the admin token of this run is also in ${path}):`)
  say(`  alias pharos="node ${root}/apps/cli/dist/main.js"`)
  say(`  export PHAROS_SERVER=${address} PHAROS_TOKEN=${token}`)
  say(`  pharos scan ${reference}`)
  say('  pharos images')
  say('  pharos enricher list')
  say('  pharos system')
  say()
  say(dim('Ctrl-C stops everything.'))
}

const shutdown = new Shutdown()
try {
  const options = readStartArguments(process.argv.slice(2))
  if (options.isHelp) say(startHelp)
  else {
    shutdown.onSignals()
    await start(options, shutdown)
    await shutdown.requested
    say()
    await shutdown.run((name) => say(dim(`ending ${name}`)))
  }
} catch (error) {
  if (shutdown.isRequested) say('Broken off.')
  else {
    say(`${red('Pharos did not start.')} ${error instanceof Error ? error.message : String(error)}`)
    process.exitCode = 1
  }
  await shutdown.run()
}
process.exit()
