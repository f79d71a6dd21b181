import { Injectable } from '@nestjs/common'
import { endedTaskStates, PharosError, type Principal, type ScanTask } from '@pharos/contracts'
import { type Clock, HealthRegistry, InjectClock, InjectConfiguration } from '@pharos/service-kit'
import type { GatewayConfiguration } from '../configuration.js'
import { TaskClient } from './task.client.js'
import { TaskNewsService } from './task-news.service.js'

/** Follows a task until it ends. */
@Injectable()
export class TaskWatchService {
  constructor(
    private readonly tasks: TaskClient,
    private readonly news: TaskNewsService,
    @InjectConfiguration() private readonly configuration: GatewayConfiguration,
    @InjectClock() private readonly clock: Clock,
    private readonly health: HealthRegistry,
  ) {}

  /**
   * Yields the task at first and after each change, the ended one last. The task row is the truth: news only say when to
   * read it. While results-service is away it goes on trying. Ends early when `signal` is aborted,
   * and when this gateway drains: its clients come again and another one serves them.
   */
  async *follow(id: string, principal: Principal, signal: AbortSignal): AsyncGenerator<ScanTask> {
    let wake: () => void = () => undefined
    let hasNews = false
    const stopListening = this.news.listen(id, () => {
      hasNews = true
      wake()
    })
    let seenVersion = -1
    try {
      while (!signal.aborted && !this.health.draining) {
        hasNews = false
        const task = await this.read(id, principal, seenVersion >= 0, signal)
        if (task !== null && task.version > seenVersion) {
          seenVersion = task.version
          yield task
        }
        if (task !== null && endedTaskStates.has(task.state)) return
        if (hasNews) continue
        const pause = new AbortController()
        wake = () => pause.abort()
        await this.clock
          .sleep(this.configuration.scans.pollMs, AbortSignal.any([signal, pause.signal]))
          .catch(ignoreAbort(signal, pause.signal))
      }
    } finally {
      stopListening()
    }
  }

  /** null: results-service could not be asked just now, and the task is known to exist. */
  private async read(id: string, principal: Principal, isKnown: boolean, signal: AbortSignal): Promise<ScanTask | null> {
    try {
      return await this.tasks.get(id, principal, signal)
    } catch (error) {
      if (signal.aborted) return null
      if (isKnown && error instanceof PharosError && error.isRetryable) return null
      throw error
    }
  }
}

/** A pause that is cut short is no error; everything else is. */
function ignoreAbort(...signals: AbortSignal[]) {
  return (error: unknown) => {
    if (!signals.some((signal) => signal.aborted)) throw error
  }
}
