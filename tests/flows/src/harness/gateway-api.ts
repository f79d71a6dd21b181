import {
  BatchOutcome,
  DatabaseGeneration,
  DatabaseGenerationPage,
  endedTaskStates,
  Finding,
  FindingPage,
  ImagePackage,
  ImagePackagePage,
  Problem,
  ScanProgress,
  ScanTask,
  type SubmitScan,
} from '@pharos/contracts'
import { pollUntil } from '@pharos/service-kit'
import type { z } from 'zod'

/** A request as the flows send it. */
export interface ApiRequest {
  body?: unknown
  /** Sent as it is instead of a JSON body. */
  raw?: { content: string | Uint8Array; type: string }
  headers?: Record<string, string>
  signal?: AbortSignal
}

/** What came back; `json` is undefined for a body that is not JSON. */
export interface ApiAnswer {
  status: number
  headers: Headers
  text: string
  json: unknown
}

const endTimeoutMs = 90_000

/** The gateway's API as its callers see it. Answers are parsed by the contract. */
export class GatewayApi {
  constructor(
    readonly address: string,
    readonly token: string,
  ) {}

  /** Sends a request below /api/v1 and reads the whole answer, whatever its status is. */
  async send(method: string, path: string, request: ApiRequest = {}): Promise<ApiAnswer> {
    const { body, raw } = request
    const type = raw?.type ?? (body === undefined ? undefined : 'application/json')
    const content = raw?.content ?? (body === undefined ? undefined : JSON.stringify(body))
    const response = await fetch(`${this.address}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${this.token}`, ...(type === undefined ? {} : { 'content-type': type }), ...request.headers },
      ...(content === undefined ? {} : { body: typeof content === 'string' ? content : new Uint8Array(content) }),
      ...(request.signal === undefined ? {} : { signal: request.signal }),
    })
    const text = await response.text()
    const isJson = /json/.test(response.headers.get('content-type') ?? '')
    return { status: response.status, headers: response.headers, text, json: isJson ? JSON.parse(text) : undefined }
  }

  /** Sends a request that must be answered by the contract. */
  async call<S extends z.ZodType>(method: string, path: string, schema: S, request: ApiRequest = {}): Promise<z.output<S>> {
    const answer = await this.send(method, path, request)
    if (answer.status >= 300) throw new Error(`${method} ${path} answered ${answer.status}: ${answer.text.slice(0, 1000)}`)
    return schema.parse(answer.json)
  }

  /** The problem that a request is answered with. */
  async problem(method: string, path: string, request: ApiRequest = {}): Promise<Problem> {
    const answer = await this.send(method, path, request)
    if (answer.status < 400) throw new Error(`${method} ${path} was not refused: ${answer.status} ${answer.text.slice(0, 500)}`)
    return Problem.parse(answer.json)
  }

  submit(body: SubmitScan): Promise<ScanTask> {
    return this.call('POST', '/scans', ScanTask, { body })
  }

  async submitAll(items: readonly SubmitScan[], cohort?: string): Promise<string[]> {
    const { items: outcomes } = await this.call('POST', '/scans:batch', BatchOutcome, {
      body: { items, ...(cohort === undefined ? {} : { cohort }) },
    })
    return outcomes.map(({ id, problem }) => {
      if (id === null) throw new Error(`an item was refused: ${problem?.code ?? ''} ${problem?.detail ?? ''}`)
      return id
    })
  }

  task(id: string): Promise<ScanTask> {
    return this.call('GET', `/scans/${id}`, ScanTask)
  }

  /** The task once it has ended. */
  ended(id: string, timeoutMs = endTimeoutMs): Promise<ScanTask> {
    return this.taskWhen(id, ({ state }) => endedTaskStates.has(state), timeoutMs)
  }

  /** The task once it is as wanted; the error names the last state seen. */
  async taskWhen(id: string, isRight: (task: ScanTask) => boolean, timeoutMs = endTimeoutMs): Promise<ScanTask> {
    let last: ScanTask | undefined
    try {
      return await pollUntil(
        async () => {
          last = await this.task(id)
          return isRight(last) ? last : undefined
        },
        { timeoutMs, intervalMs: 100 },
      )
    } catch (error) {
      throw new Error(`the task did not come to the wanted state; last: ${JSON.stringify(last)}`, { cause: error })
    }
  }

  /** Submits a scan and waits for its end. */
  async scan(body: SubmitScan): Promise<ScanTask> {
    const { id } = await this.submit(body)
    return this.ended(id)
  }

  findings(digest: string, query = ''): Promise<Finding[]> {
    return this.pages(`/images/${digest}/findings?limit=500${query}`, FindingPage)
  }

  packages(digest: string): Promise<ImagePackage[]> {
    return this.pages(`/images/${digest}/packages?limit=500`, ImagePackagePage)
  }

  /** Uploads an archive and waits for the verdict on it. */
  async importDatabase(archive: Uint8Array, query = 'engine=grype&allowOlder=true&source=sample'): Promise<DatabaseGeneration> {
    const { id } = await this.call('POST', `/databases:import?${query}`, DatabaseGeneration, {
      raw: { content: archive, type: 'application/octet-stream' },
    })
    const { engine } = Object.fromEntries(new URLSearchParams(query))
    return this.database(({ id: other, state }) => other === id && !['uploading', 'candidate', 'matching'].includes(state), engine)
  }

  /** The first generation that is as wanted, once there is one. */
  database(isRight: (generation: DatabaseGeneration) => boolean, engine = 'grype'): Promise<DatabaseGeneration> {
    return pollUntil(
      async () => (await this.call('GET', `/databases?engine=${engine}&limit=100`, DatabaseGenerationPage)).items.find(isRight),
      { timeoutMs: endTimeoutMs, intervalMs: 200, what: 'the wanted database generation' },
    )
  }

  /** Reads the progress of a task until the stream ends. */
  async events(id: string, signal?: AbortSignal): Promise<ScanProgress[]> {
    const answer = await this.send('GET', `/scans/${id}/events`, {
      headers: { accept: 'text/event-stream' },
      ...(signal === undefined ? {} : { signal }),
    })
    if (answer.status !== 200) throw new Error(`the stream of ${id} answered ${answer.status}: ${answer.text}`)
    return parseProgress(answer.text)
  }

  private async pages<T>(path: string, schema: z.ZodType<{ items: T[]; nextCursor: string | null }>): Promise<T[]> {
    const all: T[] = []
    let cursor: string | null = null
    do {
      const page: { items: T[]; nextCursor: string | null } = await this.call(
        'GET',
        cursor === null ? path : `${path}&cursor=${encodeURIComponent(cursor)}`,
        schema,
      )
      all.push(...page.items)
      cursor = page.nextCursor
    } while (cursor !== null)
    return all
  }
}

/** The progress events in the text of a stream. */
function parseProgress(text: string): ScanProgress[] {
  return text
    .split('\n\n')
    .filter((block) => /^event: ?task$/m.test(block))
    .map((block) => ScanProgress.parse(JSON.parse(/^data: ?(.*)$/m.exec(block)?.[1] ?? '')))
}
