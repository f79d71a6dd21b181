import { Injectable } from '@nestjs/common'
import { PharosError, type Principal, type ScanProgress, type ScanTask } from '@pharos/contracts'
import { InjectConfiguration } from '@pharos/service-kit'
import type { FastifyReply } from 'fastify'
import type { GatewayConfiguration } from '../configuration.js'
import { TaskWatchService } from './task-watch.service.js'

/** Where a task's progress goes. */
export interface ScanStreamRequest {
  id: string
  principal: Principal
  reply: FastifyReply
  signal: AbortSignal
}

function progressOf(task: ScanTask): ScanProgress {
  const { id, state, phase, detail, digest, version, failure } = task
  return { id, state, phase, detail, digest, version, failure }
}

/** Streams the progress of a task as server-sent events (WHATWG HTML, section 9.2). A stream begins with the present state, so a reconnect misses nothing. */
@Injectable()
export class ScanStreamService {
  constructor(
    private readonly watch: TaskWatchService,
    @InjectConfiguration() private readonly configuration: GatewayConfiguration,
  ) {}

  async stream(request: ScanStreamRequest): Promise<void> {
    const { reply, signal } = request
    const changes = this.watch.follow(request.id, request.principal, signal)
    // The first read happens before the head is sent: an unknown task is a problem document, not a stream.
    const first = await changes.next()
    if (first.done) throw new PharosError('not-found', 'There is no such scan.')
    reply.hijack()
    reply.raw.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
      'x-content-type-options': 'nosniff',
    })
    const heartbeat = setInterval(() => reply.raw.write(': still here\n\n'), this.configuration.scans.heartbeatMs)
    try {
      write(reply, first.value)
      for await (const task of changes) write(reply, task)
    } finally {
      clearInterval(heartbeat)
      reply.raw.end()
    }
  }
}

function write(reply: FastifyReply, task: ScanTask): void {
  reply.raw.write(`id: ${task.version}\nevent: task\ndata: ${JSON.stringify(progressOf(task))}\n\n`)
}
