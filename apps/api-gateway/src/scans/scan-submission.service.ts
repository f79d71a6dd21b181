import { json } from 'node:stream/consumers'
import { Injectable } from '@nestjs/common'
import { endedTaskStates, type Principal, ScanTask } from '@pharos/contracts'
import { UpstreamClient } from '../proxy/upstream.client.js'
import type { GatewayRequest } from '../routing/request-pipeline.service.js'
import type { CheckedRequest } from '../routing/request-reader.js'
import { TaskClient } from './task.client.js'
import { TaskWatchService } from './task-watch.service.js'

/** What a submit is answered with. */
export interface SubmissionAnswer {
  status: number
  headers: Record<string, string>
  body: unknown
}

/** Submits a scan and, when asked to, waits a while for its result. */
@Injectable()
export class ScanSubmissionService {
  constructor(
    private readonly upstream: UpstreamClient,
    private readonly tasks: TaskClient,
    private readonly watch: TaskWatchService,
  ) {}

  async submit(input: { call: GatewayRequest; checked: CheckedRequest; principal: Principal; waitMs: number }): Promise<SubmissionAnswer> {
    const { call, checked, principal, waitMs } = input
    const answer = await this.upstream.forward({ ...call, checked: { ...checked, rawQuery: '' }, headers: call.request.headers })
    const task = ScanTask.parse(await json(answer.body))
    const headers = { location: `/api/v1/scans/${task.id}`, ...replayHeader(answer.headers) }
    const ended = waitMs === 0 ? task : await this.waitForEnd(task, principal, waitMs, call.signal)
    if (waitMs === 0 && answer.status !== 200) return { status: answer.status, headers, body: task }
    if (ended.state !== 'succeeded' && ended.state !== 'partial') return { status: 202, headers, body: ended }
    return { status: 200, headers, body: await this.tasks.result(ended.id, principal, call.signal) }
  }

  private async waitForEnd(task: ScanTask, principal: Principal, waitMs: number, hangUp: AbortSignal): Promise<ScanTask> {
    if (endedTaskStates.has(task.state)) return task
    let latest = task
    for await (const change of this.watch.follow(task.id, principal, AbortSignal.any([hangUp, AbortSignal.timeout(waitMs)])))
      latest = change
    return latest
  }
}

function replayHeader(headers: Readonly<Record<string, unknown>>): Record<string, string> {
  const replayed = headers['idempotency-replayed']
  return typeof replayed === 'string' ? { 'idempotency-replayed': replayed } : {}
}
