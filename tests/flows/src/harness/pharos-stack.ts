import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import {
  endOrphans,
  freePort,
  launchRedis,
  pharosHome,
  registerChild,
  type RunningRedis,
  sampleDatabases,
  startPostgres,
} from '@pharos/test-kit'
import { migrate, type RunSettings, servicePlans } from '../../../../scripts/lib/services.mjs'
import type { ProcessPlan } from '../../../../scripts/lib/supervised-process.mjs'
import { type Balancer, startBalancer } from './balancer.js'
import { GatewayApi } from './gateway-api.js'
import { ServiceProcess } from './service-process.js'

type ServiceName = 'results-service' | 'scanner-worker' | 'scheduler' | 'api-gateway'

/** What a flow wants to be different. */
export interface StackOptions {
  /** Replicas of results-service, behind a balancer; 1 by default. */
  resultsReplicas?: number
  /** Workers; 1 by default. */
  workers?: number
  /** Parameters of each service beside those of a local run. */
  environment?: Partial<Record<ServiceName, Record<string, string>>>
}

/** Short times, so that flows wait for the rule and not for the clock. */
const quickEnvironment: Record<ServiceName, Record<string, string>> = {
  'results-service': { PHAROS_SWEEP_INTERVAL: '200ms' },
  'scanner-worker': { PHAROS_HEARTBEAT_INTERVAL: '1s', PHAROS_SLOTS: '2', PHAROS_REMATCH_POLL: '200ms', PHAROS_ENRICHMENT_POLL: '1s' },
  scheduler: { PHAROS_CLAIM_INTERVAL: '300ms', PHAROS_DATABASE_UPDATES: 'false' },
  'api-gateway': {},
}

/** All of Pharos as processes on this machine. */
export interface PharosStack {
  api: GatewayApi
  /** Everything that one run leaves on disk. */
  home: string
  settings: RunSettings
  databaseUrl: string
  /** All services, in the order in which they started. */
  services: ServiceProcess[]
  service(name: string): ServiceProcess
  redis: { url: string; kill(): Promise<void>; restart(): Promise<void> }
  /** Address at which gateway, workers and scheduler reach results-service. */
  resultsUrl: string
  close(): Promise<void>
}

/** Starts PostgreSQL, Redis and every service, as `npm start` does, with a home folder of its own. */
export async function startPharos(options: StackOptions = {}): Promise<PharosStack> {
  await endOrphans()
  const home = join(pharosHome(), 'test', 'flows', randomBytes(5).toString('hex'))
  await mkdir(home, { recursive: true })
  await symlink(join(pharosHome(), 'tools'), join(home, 'tools'))
  const undo: (() => Promise<unknown>)[] = [() => rm(home, { recursive: true, force: true })]
  try {
    return await start(home, options, undo)
  } catch (error) {
    await runAll(undo)
    throw error
  }
}

async function start(home: string, options: StackOptions, undo: (() => Promise<unknown>)[]): Promise<PharosStack> {
  const postgres = await startPostgres()
  undo.push(() => postgres.close())
  const database = await postgres.createDatabase()
  undo.push(() => database.drop())
  const secrets = makeSecrets()
  const redis = await startFlowRedis(home, secrets.redisPassword)
  undo.push(() => redis.kill())

  const resultsPorts = await Promise.all(Array.from({ length: options.resultsReplicas ?? 1 }, freePort))
  const balancer = await balancerOf(resultsPorts)
  if (balancer) undo.push(() => balancer.close())
  const resultsPort = balancer?.port ?? resultsPorts[0] ?? 0
  const settings: RunSettings = {
    databaseUrl: database.url,
    redisUrl: redis.url,
    adminToken: secrets.adminToken,
    secrets,
    home,
    ports: { gateway: await freePort(), results: resultsPort, worker: await freePort(), scheduler: await freePort() },
  }
  await migrate(settings)
  const services = (await plansOf(settings, resultsPorts, options)).map((plan) => new ServiceProcess(plan))
  undo.push(() => Promise.all(services.map((service) => service.kill())))
  await Promise.all(services.filter(({ name }) => name.startsWith('results-service')).map((service) => service.start()))
  await Promise.all(services.filter(({ name }) => !name.startsWith('results-service')).map((service) => service.start()))
  return {
    api: new GatewayApi(`http://127.0.0.1:${settings.ports.gateway}`, secrets.adminToken),
    home,
    settings,
    databaseUrl: database.url,
    services,
    service: (name) => {
      const found = services.find((service) => service.name === name)
      if (!found) throw new Error(`there is no service ${name}`)
      return found
    },
    redis,
    resultsUrl: `http://127.0.0.1:${resultsPort}`,
    close: () => runAll(undo),
  }
}

async function balancerOf(ports: readonly number[]): Promise<Balancer | undefined> {
  return ports.length > 1 ? startBalancer(ports) : undefined
}

/** The plans of a local run, replicas added: `results-service-2`, `scanner-worker-2`. */
async function plansOf(settings: RunSettings, resultsPorts: readonly number[], options: StackOptions): Promise<ProcessPlan[]> {
  const { others } = servicePlans(settings)
  const replicas = resultsPorts.map((results, index) =>
    numbered(servicePlans({ ...settings, ports: { ...settings.ports, results } }).results, index, {}),
  )
  const workers: ProcessPlan[] = []
  for (let index = 0; index < (options.workers ?? 1); index += 1) {
    const worker = index === 0 ? settings.ports.worker : await freePort()
    const plan = servicePlans({ ...settings, ports: { ...settings.ports, worker } }).others.find(({ name }) => name === 'scanner-worker')
    if (!plan) throw new Error('a local run has no worker')
    const cacheDirectory = join(settings.home ?? '', 'cache', `worker-${index + 1}`)
    workers.push(numbered(plan, index, { PHAROS_WORKER_ID: `worker-${index + 1}`, PHAROS_CACHE_DIR: cacheDirectory }))
  }
  return [...replicas, ...workers, ...others.filter(({ name }) => name !== 'scanner-worker')].map((plan) => {
    const name = plan.name.replace(/-\d+$/, '') as ServiceName
    return { ...plan, environment: { ...plan.environment, ...quickEnvironment[name], ...options.environment?.[name] } }
  })
}

function numbered(plan: ProcessPlan, index: number, environment: Record<string, string>): ProcessPlan {
  const name = index === 0 ? plan.name : `${plan.name}-${index + 1}`
  return {
    ...plan,
    name,
    logPath: plan.logPath.replace(`${plan.name}.log`, `${name}.log`),
    environment: { ...plan.environment, ...environment },
  }
}

/** A Redis with a password, without anything on disk: killed, it has lost everything. */
async function startFlowRedis(home: string, password: string) {
  const port = await freePort()
  let forget: () => void = () => undefined
  const launch = async (): Promise<RunningRedis> => {
    const running = await launchRedis({ directory: join(home, 'redis'), password, port, persistence: 'none' })
    // If the flow is killed, the next one removes the home with it.
    forget = registerChild(running.identity.pid, home)
    return running
  }
  let server = await launch()
  const kill = async (): Promise<void> => {
    await server.stop('SIGKILL')
    forget()
  }
  return {
    url: server.url,
    kill,
    restart: async () => {
      await kill()
      server = await launch()
    },
  }
}

function makeSecrets() {
  const secret = (): string => randomBytes(32).toString('base64url')
  const letters = (bytes: number): string =>
    randomBytes(bytes)
      .toString('base64')
      .replaceAll(/[^A-Za-z0-9]/g, 'x')
  return {
    serviceKeys: { 'api-gateway': secret(), 'scanner-worker': secret(), scheduler: secret() },
    encryptionKeys: `k1=${randomBytes(32).toString('base64')}`,
    redisPassword: secret(),
    adminToken: `phr_${letters(9)}_${letters(60).slice(0, 43)}`,
  }
}

async function runAll(undo: (() => Promise<unknown>)[]): Promise<void> {
  for (let step = undo.pop(); step; step = undo.pop()) await step()
}

/** Imports the sample database into a running system; answers where its archive is. */
export async function importSampleDatabase(api: GatewayApi): Promise<{ archivePath: string; generationId: string }> {
  const databases = await sampleDatabases()
  if (!databases.isAvailable) throw new Error(databases.reason)
  const { archivePath } = databases.value.grype
  const generation = await api.importDatabase(await readFile(archivePath))
  if (generation.state !== 'active') throw new Error(`the sample database was not taken into use: ${JSON.stringify(generation)}`)
  return { archivePath, generationId: generation.id }
}

/** Whether the scanners that the flows need are built; without them the flows are reported as skipped. */
export const hasScanners = ['grype', 'syft', 'pharos-engine', 'pharos-sampledb', 'sample-go-app'].every((name) =>
  existsSync(join(pharosHome(), 'tools', 'bin', name)),
)
