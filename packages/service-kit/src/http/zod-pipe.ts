import { Body, createParamDecorator, type ExecutionContext, Param, type PipeTransform, Query } from '@nestjs/common'
import type { FastifyRequest } from 'fastify'
import type { z } from 'zod'
import { parseRequestPart, type RequestPart } from './zod-problems.js'

/** Parses a part of a request by a contract's schema: `@Body(new ZodPipe(SubmitScan, 'body'))`. */
export class ZodPipe<S extends z.ZodType> implements PipeTransform<unknown, z.output<S>> {
  constructor(
    private readonly schema: S,
    private readonly part: RequestPart,
  ) {}

  transform(value: unknown): z.output<S> {
    return parseRequestPart(this.schema, value, this.part)
  }
}

/** The body, parsed: `@ValidBody(SubmitScan) body: SubmitScan`. */
export function ValidBody(schema: z.ZodType): ParameterDecorator {
  return Body(new ZodPipe(schema, 'body'))
}

/** The query, parsed. A key that stands twice is an array of texts, which a schema of a single text refuses. */
export function ValidQuery(schema: z.ZodType): ParameterDecorator {
  return Query(new ZodPipe(schema, 'query'))
}

/** The path parameters, parsed. */
export function ValidParams(schema: z.ZodType): ParameterDecorator {
  return Param(new ZodPipe(schema, 'params'))
}

const RequestHeaders = createParamDecorator(
  (_: unknown, context: ExecutionContext) => context.switchToHttp().getRequest<FastifyRequest>().headers,
)

/** The headers (names in lower case), parsed; the schema must let other headers pass. */
export function ValidHeaders(schema: z.ZodType): ParameterDecorator {
  return RequestHeaders(new ZodPipe(schema, 'headers'))
}
