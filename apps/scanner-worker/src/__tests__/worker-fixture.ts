import { mkdtemp, readdir, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ClaimedAttempt, type GenerationRef, queuePrefix, type ScanJob, scanJobId, scanQueues } from '@pharos/contracts'
import { createService, loadConfiguration, pollUntil, redisRoleOptions, type Service, silentLogger } from '@pharos/service-kit'
import { startRedis, startRegistry, type TestRedis, type TestRegistry } from '@pharos/test-kit'
import { Queue } from 'bullmq'
import { AppModule } from '../app.module.js'
import { configurationDefinition } from '../configuration.js'
import { FakeResults } from './fake-results.js'
import { installFakeTools } from './fake-tools.js'

/** What a test changes about a task. */
export interface TaskSetting {
  readonly reference: string | null
  readonly engines?: ('grype' | 'trivy')[]
  readonly generations?: GenerationRef[]
  readonly claim?: Partial<Extract<ClaimedAttempt, { outcome: 'claimed' }>>
}

/** What a test changes about a worker. */
export interface WorkerSetting {
  readonly slots?: number
  readonly grace?: string
  /** Folder of the tools: the fake ones by default. */
  readonly home?: string
  /** Flags beside the fixture's own. */
  readonly more?: readonly string[]
}

/** A worker between a real Redis, a registry and a results-service that the test answers for. */
export class WorkerFixture {
  private constructor(
    readonly home: string,
    readonly redis: TestRedis,
    readonly registry: TestRegistry,
    readonly results: FakeResults,
    private readonly queues: Record<'interactive' | 'shared', Queue>,
  ) {}

  private services: Service[] = []
  private sequence = 0

  static async start(): Promise<WorkerFixture> {
    const home = await realpath(await mkdtemp(join(tmpdir(), 'pharos-worker-')))
    await installFakeTools(home)
    const [redis, registry, results] = await Promise.all([startRedis(), startRegistry(), new FakeResults().listen()])
    const queue = (name: string) => new Queue(name, { connection: redisRoleOptions(redis.url, 'commands'), prefix: queuePrefix })
    return new WorkerFixture(home, redis, registry, results, {
      interactive: queue(scanQueues.interactive.name),
      shared: queue(scanQueues.shared.name),
    })
  }

  /** The flags that a worker of this fixture is started with. */
  flags({ slots = 2, grace = '6s', home = this.home, more = [] }: WorkerSetting = {}): string[] {
    return [
      '--redis-url',
      this.redis.url,
      '--results-url',
      this.results.url,
      '--service-key',
      'k'.repeat(32),
      '--home',
      home,
      '--cache-dir',
      join(this.home, 'cache'),
      '--tool-search-path',
      '/nonexistent',
      '--slots',
      String(slots),
      '--shutdown-grace',
      grace,
      ...more,
    ]
  }

  async startWorker(setting: WorkerSetting = {}): Promise<Service> {
    const loaded = loadConfiguration(configurationDefinition, this.flags(setting), {})
    if (loaded.kind !== 'loaded') throw new Error(JSON.stringify(loaded))
    const service = await createService({
      module: AppModule.register(loaded.configuration),
      configuration: loaded.configuration,
      logger: silentLogger(),
    })
    await service.app.init()
    this.services.push(service)
    return service
  }

  get generation(): GenerationRef {
    return {
      id: '0190d7a2-6c1e-7d5b-8b0a-3a6f0b1c2d3f',
      engine: 'grype',
      schemaVersion: 'v6.1.10',
      builtAt: null,
      checksum: this.results.checksum,
      sizeBytes: this.results.archive.length,
      isSample: false,
      isStale: false,
    }
  }

  /** Makes a task known to results-service; returns its first attempt. */
  task(setting: TaskSetting): { job: ScanJob; attemptId: string; token: string } {
    this.sequence += 1
    const taskId = `0190d7a2-0000-7000-8000-${String(this.sequence).padStart(12, '0')}`
    const attemptId = `0190d7a2-0000-7000-9000-${String(this.sequence).padStart(12, '0')}`
    const token = `token-${this.sequence}`
    this.results.claims.set(taskId, {
      outcome: 'claimed',
      attemptId,
      token,
      leaseMs: this.results.leaseMs,
      task: {
        id: taskId,
        reference: setting.reference,
        platform: 'linux/amd64',
        engines: setting.engines ?? ['grype'],
        priority: 'ci',
        cause: 'submit',
        force: false,
        sbomDigest: null,
      },
      resolved: null,
      runId: null,
      hasCatalogue: false,
      generations: setting.generations ?? [this.generation],
      registry: {
        host: this.registry.host,
        allowHttp: true,
        insecureSkipTlsVerify: false,
        caCertificate: null,
        allowInternal: true,
        mirrors: [],
        tokenHosts: [],
        maxConcurrent: 8,
        credential: null,
      },
      ...setting.claim,
    })
    return { job: { taskId, attempt: 1 }, attemptId, token }
  }

  async enqueue(job: ScanJob, lane: 'interactive' | 'shared' = 'shared'): Promise<void> {
    await this.add(scanJobId(job.taskId, job.attempt), job, lane)
  }

  async add(jobId: string, data: unknown, lane: 'interactive' | 'shared' = 'shared'): Promise<void> {
    await this.queues[lane].add('scan', data, { jobId, attempts: 1, removeOnComplete: true, removeOnFail: true })
  }

  /** Waits for a call of the worker. */
  async called(action: string, attemptId: string) {
    return pollUntil(() => this.results.of(action, attemptId)[0], { what: `${action} of ${attemptId}`, timeoutMs: 25_000 })
  }

  /** Waits until no job is left in any queue. */
  async drained(): Promise<void> {
    await pollUntil(
      async () => {
        const counts = await Promise.all(
          Object.values(this.queues).map((queue) => queue.getJobCounts('waiting', 'active', 'delayed', 'prioritized')),
        )
        return counts.every((count) => Object.values(count).every((value) => value === 0))
      },
      { what: 'empty queues', timeoutMs: 25_000 },
    )
  }

  /** Private folders of scans that are on disk now. */
  async scanFolders(): Promise<string[]> {
    const root = join(this.home, 'cache', 'tmp')
    const owners = await readdir(root)
    return (await Promise.all(owners.map((owner) => readdir(join(root, owner))))).flat().filter((name) => name.startsWith('scan-'))
  }

  async stopWorkers(): Promise<void> {
    for (const service of this.services.splice(0)) await service.app.close()
  }

  async close(): Promise<void> {
    await this.stopWorkers()
    for (const queue of Object.values(this.queues)) await queue.close()
    await Promise.all([this.redis.close(), this.registry.close(), this.results.close()])
    await rm(this.home, { recursive: true, force: true })
  }
}
