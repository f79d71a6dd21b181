import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common'
import { fieldNames } from '@pharos/contracts'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { map, type Observable } from 'rxjs'

/** What is common to the answers of lists. */
interface ListAnswer {
  readonly items: readonly Record<string, unknown>[]
  readonly nextCursor?: unknown
  readonly prevCursor?: unknown
}

/**
 * What every list does with its answer: the pages before and behind it stand in the Link header (RFC 8288), and rows are cut to
 * the fields that were asked for. Which fields there are is checked by the list's own parameters.
 */
@Injectable()
export class ListAnswersInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const http = context.switchToHttp()
    const request = http.getRequest<FastifyRequest>()
    if (request.method !== 'GET' || !request.url.startsWith('/api/v1/')) return next.handle()
    return next.handle().pipe(
      map((answer: unknown) => {
        if (!isListAnswer(answer)) return answer
        const links = linksOf(request.url, answer)
        if (links !== '') void http.getResponse<FastifyReply>().header('link', links)
        const { fields } = request.query as { fields?: string }
        return fields === undefined ? answer : { ...answer, items: answer.items.map((item) => cut(item, fieldNames(fields))) }
      }),
    )
  }
}

function isListAnswer(answer: unknown): answer is ListAnswer {
  return typeof answer === 'object' && answer !== null && 'items' in answer && Array.isArray(answer.items)
}

/** The links of a page, e.g. `</api/v1/images?limit=50&cursor=...>; rel="next"`; empty when it is the only one. */
export function linksOf(url: string, { nextCursor, prevCursor }: Pick<ListAnswer, 'nextCursor' | 'prevCursor'>): string {
  const [path, query = ''] = url.split('?', 2)
  const link = (cursor: unknown, relation: string): string[] => {
    if (typeof cursor !== 'string') return []
    const parameters = new URLSearchParams(query)
    parameters.set('cursor', cursor)
    return [`<${path}?${parameters.toString()}>; rel="${relation}"`]
  }
  return [...link(prevCursor, 'prev'), ...link(nextCursor, 'next')].join(', ')
}

function cut(item: Record<string, unknown>, fields: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(fields.flatMap((field) => (field in item ? [[field, item[field]] as const] : [])))
}
