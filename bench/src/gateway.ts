import {
  BatchOutcome,
  CreatedToken,
  DatabaseGeneration,
  DatabaseGenerationPage,
  endedTaskStates,
  type Role,
  ScanTask,
  ScanTaskPage,
  type ScanCause,
  type SubmitScan,
} from '@pharos/contracts'
import { pollUntil } from '@pharos/service-kit'

/** What an answer is read by: a schema of the contract. */
interface Reader<T> {
  parse(value: unknown): T
}

const unread: Reader<undefined> = { parse: () => undefined }

/** A body of a request: a value that is sent as JSON, or bytes. */
type Body = { json: unknown } | { bytes: Uint8Array }

const longestWaitMs = 30 * 60_000

/** The public API, as the benchmarks use it. */
export class Gateway {
  constructor(
    readonly address: string,
    readonly token: string,
  ) {}

  async call<T>(method: string, path: string, schema: Reader<T>, body?: Body): Promise<T> {
    const isJson = body !== undefined && 'json' in body
    const response = await fetch(`${this.address}/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.token}`,
        ...(body === undefined ? {} : { 'content-type': isJson ? 'application/json' : 'application/octet-stream' }),
      },
      ...(body === undefined ? {} : { body: 'json' in body ? JSON.stringify(body.json) : new Uint8Array(body.bytes) }),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text.slice(0, 500)}`)
    return schema.parse(text === '' ? undefined : JSON.parse(text))
  }

  /** A new API token with this role. */
  async createToken(role: Role): Promise<string> {
    const { token } = await this.call('POST', '/tokens', CreatedToken, { json: { name: 'bench', roles: [role] } })
    return token
  }

  /** Submits all at once; answers the ids of the tasks. */
  async submitAll(items: readonly SubmitScan[], cohort: string): Promise<string[]> {
    const outcome = await this.call('POST', '/scans:batch', BatchOutcome, { json: { items, cohort } })
    return outcome.items.map(({ id, problem }) => {
      if (id === null) throw new Error(`an item was refused: ${problem?.detail ?? 'no reason'}`)
      return id
    })
  }

  /** All tasks that the filter names, newest first. */
  async tasks(filter: string): Promise<ScanTask[]> {
    const all: ScanTask[] = []
    let cursor: string | null = null
    do {
      const at: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`
      const page: ScanTaskPage = await this.call('GET', `/scans?limit=200&${filter}${at}`, ScanTaskPage)
      all.push(...page.items)
      cursor = page.nextCursor
    } while (cursor !== null)
    return all
  }

  /** Waits until no task of a cohort is under way; the tasks with their outcomes. Fails when one ended without a result. */
  async untilEnded(cohort: string): Promise<ScanTask[]> {
    await pollUntil(
      async () => {
        const { items } = await this.call('GET', `/scans?limit=1&cohort=${cohort}&state=queued,running,waiting,retrying`, ScanTaskPage)
        return items.length === 0 ? true : undefined
      },
      { timeoutMs: longestWaitMs, intervalMs: 250, what: `the tasks of ${cohort} to end` },
    )
    return requireResults(await this.tasks(`cohort=${cohort}`))
  }

  /** Waits until `count` tasks of a cause were made and have ended. */
  untilAllOfCause(cause: ScanCause, count: number): Promise<ScanTask[]> {
    return pollUntil(
      async () => {
        const found = (await this.tasks('priority=background')).filter((task) => task.cause === cause)
        return found.length >= count && found.every(({ state }) => endedTaskStates.has(state)) ? requireResults(found) : undefined
      },
      { timeoutMs: longestWaitMs, intervalMs: 500, what: `${count} tasks of cause ${cause} to end` },
    )
  }

  task(id: string): Promise<ScanTask> {
    return this.call('GET', `/scans/${id}`, ScanTask)
  }

  /** Lets the services read from a registry on this machine. */
  async allowLocalRegistry(host: string): Promise<void> {
    await this.call('PUT', `/registries/${encodeURIComponent(host)}`, unread, {
      json: { host, allowHttp: true, allowInternal: true, maxConcurrent: 16 },
    })
  }

  /** Uploads a database archive and waits until it is in use. */
  async importDatabase(archive: Uint8Array): Promise<void> {
    const query = 'engine=grype&allowOlder=true&source=sample'
    const { id } = await this.call('POST', `/databases:import?${query}`, DatabaseGeneration, { bytes: archive })
    await pollUntil(
      async () => {
        const { items } = await this.call('GET', '/databases?engine=grype&limit=50', DatabaseGenerationPage)
        const found = items.find((generation) => generation.id === id)
        if (found?.state === 'refused') throw new Error(`the database was refused: ${found.problem ?? 'no reason'}`)
        return found?.state === 'active' ? true : undefined
      },
      { timeoutMs: 120_000, intervalMs: 100, what: 'the database to be in use' },
    )
  }
}

function requireResults(tasks: ScanTask[]): ScanTask[] {
  const bad = tasks.find(({ state }) => state !== 'succeeded')
  if (bad) throw new Error(`${bad.image} ended ${bad.state}: ${JSON.stringify(bad.failure ?? bad.outcomes)}`)
  return tasks
}
