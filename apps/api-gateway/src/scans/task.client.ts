import { Injectable } from '@nestjs/common'
import { type Principal, ScanResult, ScanTask, upstreamPath } from '@pharos/contracts'
import { ServiceClient } from '@pharos/service-kit'

/** Reads tasks from results-service, which owns them, with the caller's scope. */
@Injectable()
export class TaskClient {
  constructor(private readonly results: ServiceClient) {}

  /** The task; throws `not-found` when the caller may not see it. */
  get(id: string, principal: Principal, signal?: AbortSignal): Promise<ScanTask> {
    return this.results.request({
      method: 'GET',
      path: `${upstreamPath('/scans')}/${encodeURIComponent(id)}`,
      schema: ScanTask,
      principal,
      ...(signal ? { signal } : {}),
    })
  }

  /** The result of an ended task. */
  result(id: string, principal: Principal, signal?: AbortSignal): Promise<ScanResult> {
    return this.results.request({
      method: 'GET',
      path: `${upstreamPath('/scans')}/${encodeURIComponent(id)}/result`,
      schema: ScanResult,
      principal,
      ...(signal ? { signal } : {}),
    })
  }
}
