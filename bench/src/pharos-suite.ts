import { randomBytes } from 'node:crypto'
import { cp, mkdir, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import {
  endOrphans,
  ensureDatabase,
  freePort,
  launchPostgres,
  launchRedis,
  pharosHome,
  registerChild,
  removePostgresCluster,
} from '@pharos/test-kit'
import { migrate, type RunSettings, servicePlans } from '../../scripts/lib/services.mjs'
import type { ProcessPlan } from '../../scripts/lib/supervised-process.mjs'
import { Gateway } from './gateway.js'
import { type ServiceProcess, startService } from './service-process.js'

/** Name of a service, as its folder in apps/ is called. */
export type ServiceName = 'results-service' | 'scanner-worker' | 'scheduler' | 'api-gateway'

/** What a benchmark wants to be different from `npm start`. */
export interface SuiteOptions {
  /** The services that run; all by default. */
  services?: readonly ServiceName[]
  /** Parameters of a service beside those of a local run. */
  environment?: Partial<Record<ServiceName, Readonly<Record<string, string>>>>
  /** Binds a service to one core, where taskset is to be had. */
  pinned?: ServiceName
}

/** All of Pharos as real processes with servers of their own and an empty home: no cache is warm. */
export interface Suite {
  gateway: Gateway
  settings: RunSettings
  /** Address of results-service, with the secrets of its callers in `settings`. */
  resultsUrl: string
  /** Folder for the files of this run; removed at the end. */
  home: string
  /** Everything that was started, servers first. Their engines are their children. */
  processes: readonly { name: string; pid: number }[]
  pids: readonly number[]
  pidOf(name: string): number
  /** Starts a service that `services` left out. */
  start(name: ServiceName): Promise<void>
  close(): Promise<void>
}

const allServices: readonly ServiceName[] = ['results-service', 'scanner-worker', 'scheduler', 'api-gateway']

/** Starts PostgreSQL, Redis and the services as `npm start` does. */
export async function startSuite(options: SuiteOptions = {}): Promise<Suite> {
  await endOrphans()
  const home = join(pharosHome(), 'test', 'bench', randomBytes(5).toString('hex'))
  await mkdir(join(home, 'logs'), { recursive: true })
  await symlink(join(pharosHome(), 'tools'), join(home, 'tools'))
  const undo: (() => Promise<unknown>)[] = [() => rm(home, { recursive: true, force: true })]
  // For whoever looks for the reason of something: the logs outlive the run in this folder.
  const logs = process.env.PHAROS_BENCH_LOGS
  if (logs !== undefined) undo.push(() => cp(join(home, 'logs'), logs, { recursive: true }))
  const close = async (): Promise<void> => {
    for (let step = undo.pop(); step !== undefined; step = undo.pop()) await step()
  }
  // What was started is in process groups of its own: a terminal's Ctrl-C reaches this process alone.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void close().finally(() => process.exit(130)))
  try {
    return await start(home, options, undo, close)
  } catch (error) {
    await close()
    throw error
  }
}

async function start(home: string, options: SuiteOptions, undo: (() => Promise<unknown>)[], close: () => Promise<void>): Promise<Suite> {
  const secrets = makeSecrets()
  const postgresDirectory = join(home, 'postgres')
  undo.push(() => removePostgresCluster(postgresDirectory))
  const postgres = await launchPostgres({ directory: postgresDirectory, logPath: join(home, 'logs', 'postgres.log') })
  const forgetPostgres = registerChild(postgres.identity.pid)
  undo.push(() => postgres.stop().then(forgetPostgres))
  const redis = await launchRedis({ directory: join(home, 'redis'), password: secrets.redisPassword })
  const forgetRedis = registerChild(redis.identity.pid)
  undo.push(() => redis.stop().then(forgetRedis))
  const settings: RunSettings = {
    databaseUrl: await ensureDatabase(postgres.url, 'pharos'),
    redisUrl: redis.url,
    adminToken: secrets.adminToken,
    secrets,
    home,
    ports: { gateway: await freePort(), results: await freePort(), worker: await freePort(), scheduler: await freePort() },
  }
  await migrate(settings)
  const services = await startServices(settings, options, undo)
  const processes: { name: string; pid: number }[] = [
    { name: 'postgresql', pid: postgres.identity.pid },
    { name: 'redis', pid: redis.identity.pid },
    ...services,
  ]
  return {
    gateway: new Gateway(`http://127.0.0.1:${settings.ports.gateway}`, secrets.adminToken),
    settings,
    resultsUrl: `http://127.0.0.1:${settings.ports.results}`,
    home,
    processes,
    get pids() {
      return processes.map(({ pid }) => pid)
    },
    pidOf: (name) => {
      const found = processes.find((process) => process.name === name)
      if (!found) throw new Error(`${name} was not started`)
      return found.pid
    },
    start: async (name) => {
      processes.push(...(await startServices(settings, { ...options, services: [name] }, undo)))
    },
    close,
  }
}

async function startServices(settings: RunSettings, options: SuiteOptions, undo: (() => Promise<unknown>)[]): Promise<ServiceProcess[]> {
  const { results, others } = servicePlans({ ...settings, schedulerEnvironment: { PHAROS_DATABASE_UPDATES: 'false' } })
  const wanted: readonly string[] = options.services ?? allServices
  const started: ServiceProcess[] = []
  for (const plan of [results, ...others].filter(({ name }) => wanted.includes(name))) {
    const service = await startService(adapted(plan, options))
    undo.push(() => service.stop())
    started.push(service)
  }
  return started
}

function adapted(plan: ProcessPlan, { environment, pinned }: SuiteOptions): ProcessPlan {
  const given = { ...plan, environment: { ...plan.environment, ...environment?.[plan.name as ServiceName] } }
  // For whoever looks for a hot spot: each service writes a CPU profile into this folder when it ends.
  const profiles = process.env.PHAROS_BENCH_PROFILES
  if (profiles !== undefined) given.args = ['--cpu-prof', '--cpu-prof-dir', profiles, ...given.args]
  return plan.name === pinned ? { ...given, program: 'taskset', args: ['--cpu-list', '0', plan.program, ...given.args] } : given
}

function makeSecrets(): RunSettings['secrets'] & { adminToken: string; redisPassword: string } {
  const secret = (): string => randomBytes(32).toString('base64url')
  return {
    serviceKeys: { 'api-gateway': secret(), 'scanner-worker': secret(), scheduler: secret() },
    encryptionKeys: `k1=${randomBytes(32).toString('base64')}`,
    redisPassword: secret(),
    adminToken: `phr_${randomBytes(6).toString('hex')}_${randomBytes(22).toString('hex').slice(0, 43)}`,
  }
}
