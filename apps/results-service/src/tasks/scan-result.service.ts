import { Injectable } from '@nestjs/common'
import { PharosError, type Principal, type ScanResult } from '@pharos/contracts'
import { visibleRepositories } from '../access/repository-scope.js'
import { ScanStorage } from '../runs/scan-storage.js'
import { TasksService } from './tasks.service.js'

/** The result of a task: the task, its image, and the first findings. */
@Injectable()
export class ScanResultService {
  constructor(
    private readonly tasks: TasksService,
    private readonly storage: ScanStorage,
  ) {}

  /** Throws `conflict` while the task has no result, `not-found` when its image was removed. */
  async get(id: string, principal: Principal): Promise<ScanResult> {
    const task = await this.tasks.get(id, principal)
    if (task.digest === null || (task.state !== 'succeeded' && task.state !== 'partial'))
      throw new PharosError('conflict', `The task is ${task.state} and has no result.`)
    const result = await this.storage.resultOf(task.digest, visibleRepositories(principal))
    if (result === null) throw new PharosError('not-found', 'The image of this task was removed.')
    return { task, ...result }
  }
}
