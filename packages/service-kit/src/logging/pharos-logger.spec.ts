import { describe, expect, it } from 'vitest'
import { recordingLogger } from '../__tests__/recording-logger.js'
import { withSpan } from '../tracing/trace-context.js'
import { startTracing } from '../tracing/tracing.js'
import { withLogContext } from './log-context.js'
import { NestLogger } from './nest-logger.js'
import { createLogger } from './pharos-logger.js'

describe('a log line', () => {
  it('has level, time, service, message and fields', () => {
    const { logger, lines } = recordingLogger()
    logger.warn('relay delayed', { waitedMs: 5 })
    expect(lines).toEqual([
      { level: 'warn', time: expect.stringMatching(/^\d{4}-.*Z$/) as string, service: 'test', message: 'relay delayed', waitedMs: 5 },
    ])
  })

  it('carries no secret, neither in fields, nor of a child, nor in the message', () => {
    const { logger, lines } = recordingLogger()
    logger
      .child({ registryPassword: 'hunter2' })
      .info('login to redis://u:hunter2@h', { headers: { authorization: 'hunter2' }, error: new Error('redis://u:hunter2@h') })
    expect(lines).toHaveLength(1)
    expect(JSON.stringify(lines)).not.toContain('hunter2')
  })

  it('carries the context of the work that it belongs to, across awaits', async () => {
    const { logger, lines } = recordingLogger()
    await withLogContext({ taskId: 't1' }, async () => {
      await Promise.resolve()
      await withLogContext({ jobId: 'j1' }, async () => {
        await Promise.resolve()
        logger.info('run started')
      })
      logger.info('task ended')
    })
    logger.info('worker idle')
    expect(lines.map(({ message, taskId, jobId }) => ({ message, taskId, jobId }))).toEqual([
      { message: 'run started', taskId: 't1', jobId: 'j1' },
      { message: 'task ended', taskId: 't1', jobId: undefined },
      { message: 'worker idle', taskId: undefined, jobId: undefined },
    ])
  })

  it('carries the ids of the active span', async () => {
    const tracing = startTracing({ service: 'test' })
    const { logger, lines } = recordingLogger()
    const ids = await withSpan('work', (span) => {
      logger.info('work done')
      return span.spanContext()
    })
    await tracing.shutdown()
    expect(lines[0]).toMatchObject({ traceId: ids.traceId, spanId: ids.spanId })
  })

  it('is left out below the level', () => {
    const { logger, lines } = recordingLogger('warn')
    logger.info('relay published')
    logger.error('relay failed')
    expect(lines.map((line) => line.message)).toEqual(['relay failed'])
  })

  it('is text for people when asked', () => {
    let output = ''
    const logger = createLogger({
      service: 'test',
      format: 'pretty',
      destination: {
        write: (text) => {
          output += text
        },
      },
    })
    logger.info('relay published', { count: 3 })
    expect(output).toMatch(/INFO: relay published \{"count":3\}/)
  })
})

describe('what Nest logs', () => {
  it('has a constant message, its source, and its level', () => {
    const { logger, lines } = recordingLogger()
    const nest = new NestLogger(logger)
    nest.error('it broke', 'Error: stack', 'Injector')
    nest.log('Mapped {/x, GET} route', 'RouterExplorer')
    expect(lines).toMatchObject([
      { level: 'error', message: 'framework message', detail: 'it broke', source: 'Injector', stack: 'Error: stack' },
      { level: 'debug', message: 'framework message', detail: 'Mapped {/x, GET} route', source: 'RouterExplorer' },
    ])
  })
})
