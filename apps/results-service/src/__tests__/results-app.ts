import type { ClaimedAttempt, Principal, ResolvedImage, ScanTask } from '@pharos/contracts'
import { queuePrefix } from '@pharos/contracts'
import { type Clock, createService, loadConfiguration, type Service, ServiceTokenSigner, silentLogger } from '@pharos/service-kit'
import { startRedis, type TestRedis } from '@pharos/test-kit'
import { type Job, Queue } from 'bullmq'
import { AppModule } from '../app.module.js'
import { AttemptClaimsService } from '../attempts/attempt-claims.service.js'
import { configurationDefinition, type ResultsConfiguration } from '../configuration.js'
import { createResultsDatabase, type ResultsDatabase } from '../database/__tests__/results-database.js'
import { rows } from '../database/sql.js'
import { TaskIntakeService } from '../tasks/task-intake.service.js'
import { TasksService } from '../tasks/tasks.service.js'

const secrets = { 'api-gateway': 'g'.repeat(32), 'scanner-worker': 'w'.repeat(32), scheduler: 's'.repeat(32) } as const
const signers = {
  'api-gateway': new ServiceTokenSigner('api-gateway', secrets['api-gateway']),
  'scanner-worker': new ServiceTokenSigner('scanner-worker', secrets['scanner-worker']),
  scheduler: new ServiceTokenSigner('scheduler', secrets.scheduler),
}

export const bootstrapToken = `phr_${'b'.repeat(12)}_${'c'.repeat(43)}`

export const admin: Principal = { id: 'user:admin', name: 'admin', kind: 'user', roles: ['admin'], scope: { repositories: null } }

/** A caller who sees some repositories. */
export function scoped(...repositories: string[]): Principal {
  return { id: `user:${repositories.join('+')}`, name: 'scoped', kind: 'user', roles: ['scanner'], scope: { repositories } }
}

/** What an answer looks like in a test. */
export interface TestAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: unknown
}

/** results-service in this process, on a real PostgreSQL and Redis; sweeps run when a test asks for them. */
export interface ResultsApp {
  readonly results: ResultsDatabase
  readonly redis: TestRedis
  readonly replicas: readonly Service[]
  /** A provider of the first (or another) replica. */
  get<T>(token: abstract new (...args: never[]) => T, replica?: number): T
  request(call: {
    service?: keyof typeof signers
    principal?: Principal
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
    url: string
    payload?: unknown
    headers?: Record<string, string>
  }): Promise<TestAnswer>
  /** The Authorization header of a service that asks on somebody's behalf. */
  authorization(service: keyof typeof signers, principal?: Principal): string
  submit(body: object | string, principal?: Principal): Promise<ScanTask>
  task(id: string): Promise<ScanTask>
  claim(task: Pick<ScanTask, 'id'>, options?: { attempt?: number; workerId?: string }): Promise<ClaimedAttempt>
  claimed(
    task: Pick<ScanTask, 'id'>,
    options?: { attempt?: number; workerId?: string },
  ): Promise<Extract<ClaimedAttempt, { outcome: 'claimed' }>>
  query<T extends object = Record<string, unknown>>(sql: string, parameters?: readonly unknown[]): Promise<T[]>
  /** Jobs that wait in a queue, in the order in which workers get them. */
  jobs(queue: 'scan' | 'scan-interactive'): Promise<Job[]>
  /** The lease of every claimed attempt is over, as if its worker had died. */
  lapseLeases(): Promise<void>
  close(): Promise<void>
}

/** How the app of a test is started. */
export interface ResultsAppOptions {
  readonly replicas?: number
  readonly flags?: readonly string[]
  readonly clock?: Clock
  readonly results?: ResultsDatabase
}

function configurationOf(database: string, redis: string, flags: readonly string[]): ResultsConfiguration {
  const keys = Object.entries(secrets)
    .map(([name, secret]) => `${name}=${secret}`)
    .join(',')
  const loaded = loadConfiguration(
    configurationDefinition,
    [
      '--database-url',
      database,
      '--redis-url',
      redis,
      '--service-keys',
      keys,
      '--sweep-interval',
      '1m',
      '--bootstrap-admin-token',
      bootstrapToken,
      ...(flags.includes('--encryption-keys') ? [] : ['--encryption-keys', `k1=${Buffer.alloc(32, 1).toString('base64')}`]),
      ...flags,
    ],
    {},
  )
  if (loaded.kind !== 'loaded') throw new Error(`the configuration of the test is wrong: ${JSON.stringify(loaded)}`)
  return loaded.configuration
}

export async function startResultsApp(options: ResultsAppOptions = {}): Promise<ResultsApp> {
  const results = options.results ?? (await createResultsDatabase())
  const redis = await startRedis({ isPrivate: true })
  const configuration = configurationOf(results.url, redis.url, options.flags ?? [])
  const replicas: Service[] = []
  for (let index = 0; index < (options.replicas ?? 1); index += 1) {
    const service = await createService({
      module: AppModule.register(configuration),
      configuration,
      logger: silentLogger(),
      ...(options.clock === undefined ? {} : { clock: options.clock }),
    })
    await service.app.init()
    await service.app.getHttpAdapter().getInstance().ready()
    replicas.push(service)
  }
  const get: ResultsApp['get'] = (token, replica = 0) => {
    const service = replicas[replica]
    if (service === undefined) throw new Error(`there is no replica ${replica}`)
    return service.app.get(token)
  }
  const queues = new Map(
    ['scan', 'scan-interactive'].map((name) => [name, new Queue(name, { connection: { url: redis.url }, prefix: queuePrefix })]),
  )
  for (const queue of queues.values()) queue.on('error', () => undefined)
  const query: ResultsApp['query'] = (sql, parameters = []) => rows(results.database.runner, sql, parameters)
  const task: ResultsApp['task'] = (id) => get(TasksService).get(id, admin)
  const claim: ResultsApp['claim'] = async ({ id }, { attempt, workerId = 'worker-1' } = {}) =>
    get(AttemptClaimsService).claim({
      taskId: id,
      attempt: attempt ?? (await task(id)).attempts,
      workerId,
      engines: [],
      cataloguer: { cataloguer: 'syft', version: '1.57.0', configuration: 'c1' },
    })
  return {
    results,
    redis,
    replicas,
    get,
    query,
    task,
    claim,
    authorization: (service, principal) => `Bearer ${signers[service].sign(principal)}`,
    request: async ({ service = 'api-gateway', principal, method, url, payload, headers = {} }) => {
      const answer = await (replicas[0]?.app.inject({
        method,
        url,
        headers: {
          authorization: `Bearer ${signers[service].sign(principal)}`,
          ...(payload === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(payload === undefined
          ? {}
          : { payload: typeof payload === 'string' || Buffer.isBuffer(payload) ? payload : JSON.stringify(payload) }),
      }) ?? Promise.reject(new Error('there is no replica')))
      const isJson = /[/+]json(;|$)/.test(String(answer.headers['content-type'] ?? '')) && answer.payload !== ''
      return { status: answer.statusCode, headers: answer.headers, body: isJson ? (JSON.parse(answer.payload) as unknown) : answer.payload }
    },
    submit: async (body, principal = admin) =>
      JSON.parse(
        (await get(TaskIntakeService).submit(typeof body === 'string' ? { image: body } : body, undefined, principal)).answer,
      ) as ScanTask,
    claimed: async (which, claimOptions) => {
      const answer = await claim(which, claimOptions)
      if (answer.outcome !== 'claimed') throw new Error(`the claim was dropped: ${answer.reason}`)
      return answer
    },
    jobs: async (name) => (await queues.get(name)?.getJobs(['prioritized', 'waiting', 'delayed'], 0, -1, true)) ?? [],
    lapseLeases: async () => {
      await query(`update scan_attempt set lease_until = now() - interval '1 second' where state = 'claimed'`)
    },
    close: async () => {
      await Promise.all([...queues.values()].map((queue) => queue.close()))
      await Promise.all(replicas.map((service) => service.app.close()))
      await redis.close()
      await results.close()
    },
  }
}

/** An image as a worker resolves it; the digest is made of the number. */
export function resolvedImage(number: number, repository = 'library/alpine', tag: string | null = '3.18'): ResolvedImage {
  return {
    digest: `sha256:${number.toString(16).padStart(64, '0')}`,
    indexDigest: null,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    platform: 'linux/amd64',
    configDigest: null,
    sizeBytes: 1000,
    layers: [],
    annotations: {},
    reference: { registry: 'docker.io', repository, tag },
    indexPlatforms: [],
  }
}
