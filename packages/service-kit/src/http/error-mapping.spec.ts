import { HttpException, NotFoundException, ServiceUnavailableException, UnauthorizedException } from '@nestjs/common'
import { PharosError } from '@pharos/contracts'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { toPharosError } from './error-mapping.js'

function fastifyError(statusCode: number, code: string): Error {
  return Object.assign(new Error('of the framework'), { statusCode, code })
}

describe('toPharosError', () => {
  it.each([
    { title: 'an error of ours stays', error: new PharosError('conflict', 'x'), code: 'conflict' },
    { title: 'a 404 of Nest', error: new NotFoundException(), code: 'not-found' },
    { title: 'a 401 of Nest', error: new UnauthorizedException(), code: 'unauthenticated' },
    { title: 'a 503 of Nest', error: new ServiceUnavailableException(), code: 'too-many-in-flight' },
    { title: 'a 4xx that has no name of ours', error: new HttpException('teapot', 418), code: 'request-invalid' },
    { title: 'a 413 of Fastify', error: fastifyError(413, 'FST_ERR_CTP_BODY_TOO_LARGE'), code: 'request-too-large' },
    { title: 'a 415 of Fastify', error: fastifyError(415, 'FST_ERR_CTP_INVALID_MEDIA_TYPE'), code: 'media-type-not-accepted' },
    { title: 'an error that only looks like one of Fastify', error: fastifyError(404, 'ENOENT'), code: 'internal-error' },
    { title: 'a schema that failed inside', error: new z.ZodError([]), code: 'internal-error' },
    { title: 'a plain error', error: new Error('secret'), code: 'internal-error' },
    { title: 'something that is no error', error: 'thrown text', code: 'internal-error' },
  ])('$title: $code', ({ error, code }) => {
    const mapped = toPharosError(error)
    expect(mapped.code).toBe(code)
    expect(mapped.detail).not.toContain('secret')
  })
})
