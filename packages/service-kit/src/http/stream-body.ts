import { Readable, Transform } from 'node:stream'
import { createParamDecorator, type ExecutionContext } from '@nestjs/common'
import { RouteConfig } from '@nestjs/platform-fastify'
import { PharosError } from '@pharos/contracts'
import type { FastifyRequest } from 'fastify'

/** Route settings of ours, in Fastify's route config. */
export interface BodyRouteConfig {
  /** The body arrives unread, whatever its (registered) media type. */
  readonly isBodyRaw?: boolean
  /** Largest JSON body of this route, instead of the service's. */
  readonly bodyLimitBytes?: number
}

/** Makes the body of this handler arrive unread also when it is JSON; take it with `@StreamBody()`. */
export function RawBody(): MethodDecorator {
  return RouteConfig({ isBodyRaw: true } satisfies BodyRouteConfig)
}

/** Another limit for the JSON body of this handler. */
export function BodyLimit(limitBytes: number): MethodDecorator {
  return RouteConfig({ bodyLimitBytes: limitBytes } satisfies BodyRouteConfig)
}

/** The unread body as a stream that ends with `request-too-large` past the limit. */
export const StreamBody = createParamDecorator((options: { limitBytes: number }, context: ExecutionContext): Readable => {
  const request = context.switchToHttp().getRequest<FastifyRequest>()
  const declaredBytes = Number(request.headers['content-length'] ?? 0)
  if (declaredBytes > options.limitBytes) throw tooLarge(options.limitBytes)
  return request.body instanceof Readable ? limitBytes(request.body, options.limitBytes) : Readable.from([])
})

/** Passes a stream on and fails it with `PharosError` `request-too-large` past the limit. */
export function limitBytes(source: Readable, limit: number): Readable {
  let seenBytes = 0
  const limiter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      seenBytes += chunk.byteLength
      if (seenBytes > limit) done(tooLarge(limit))
      else done(null, chunk)
    },
  })
  source.on('error', (error) => limiter.destroy(error))
  // An upload that the client broke off never ends by itself.
  source.on('close', () => {
    if (!source.readableEnded) limiter.destroy(new PharosError('request-invalid', 'The body ended before it was complete.'))
  })
  limiter.on('close', () => source.unpipe(limiter))
  return source.pipe(limiter)
}

/** The error of a body over its limit. */
export function tooLarge(limit: number): PharosError {
  return new PharosError('request-too-large', `The body is larger than ${limit} bytes.`)
}
