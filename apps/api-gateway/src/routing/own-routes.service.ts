import { Injectable } from '@nestjs/common'
import { type ChangeStreamQuery, durationMs, PharosError, type SubmitScanQuery } from '@pharos/contracts'
import type { FastifyReply } from 'fastify'
import { ChangeStreamService } from '../changes/change-stream.service.js'
import { ScanStreamService } from '../scans/scan-stream.service.js'
import { ScanSubmissionService } from '../scans/scan-submission.service.js'
import type { GatewayRequest } from './request-pipeline.service.js'
import type { CheckedRequest } from './request-reader.js'

/** Longest time that `?wait` may ask for. */
const longestWaitMs = 60_000

/** The routes that the gateway answers itself. */
@Injectable()
export class OwnRoutesService {
  constructor(
    private readonly submission: ScanSubmissionService,
    private readonly streams: ScanStreamService,
    private readonly changes: ChangeStreamService,
  ) {}

  async answer(call: GatewayRequest, checked: CheckedRequest): Promise<void> {
    const { principal } = call
    if (principal === null) throw new PharosError('unauthenticated', 'Sign in first.')
    switch (call.route.operation) {
      case 'getMe':
        return send(call.reply, 200, principal)
      case 'streamScan':
        return this.streams.stream({ id: call.params['id'] ?? '', principal, reply: call.reply, signal: call.signal })
      case 'streamChanges': {
        const { cursor, filter } = checked.query as ChangeStreamQuery
        const seen = call.request.headers['last-event-id']
        const from = typeof seen === 'string' && seen !== '' ? seen : cursor
        return this.changes.stream({ cursor: from, filter, principal, reply: call.reply, signal: call.signal })
      }
      case 'submitScan': {
        const { wait } = checked.query as SubmitScanQuery
        const waitMs = wait === undefined ? 0 : durationMs(wait)
        if (waitMs > longestWaitMs)
          throw new PharosError('request-invalid', 'wait may be 60s at most.', {
            errors: [{ pointer: '#/query/wait', detail: 'At most 60s' }],
          })
        const answer = await this.submission.submit({ call, checked, principal, waitMs })
        for (const [name, value] of Object.entries(answer.headers)) call.reply.header(name, value)
        return send(call.reply, answer.status, answer.body)
      }
      default:
        throw new PharosError('internal-error', `The gateway has no answer to ${call.route.operation}.`)
    }
  }
}

async function send(reply: FastifyReply, status: number, body: unknown): Promise<void> {
  await reply.code(status).type('application/json').send(JSON.stringify(body))
}
