import { describe, expect, it } from 'vitest'
import { definedSchemas, openApiDocument, PharosError, problemDefinitions, type RouteDefinition, routes, upstreamPath } from './index.js'

describe('every contract', () => {
  it.each([...definedSchemas])('%s accepts its own example', (_id, schema) => {
    const [example] = (schema.meta()?.['examples'] ?? []) as unknown[]
    expect(schema.safeParse(example)).toMatchObject({ success: true })
  })
})

describe('routes', () => {
  const all: readonly RouteDefinition[] = routes

  it('have unique operations and unique method and path', () => {
    expect(new Set(all.map((route) => route.operation)).size).toBe(all.length)
    expect(new Set(all.map((route) => `${route.method} ${route.path}`)).size).toBe(all.length)
  })

  it.each(all.map((route) => [route.operation, route] as const))('%s declares each parameter of its path', (_operation, route) => {
    const inPath = [...route.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1])
    expect(Object.keys(route.params ?? {})).toEqual(inPath)
  })

  it('turn an action into a path segment upstream', () => {
    expect(upstreamPath('/scans/{id}:replay')).toBe('/api/v1/scans/{id}/-/replay')
    expect(upstreamPath('/scans')).toBe('/api/v1/scans')
  })
})

describe('the OpenAPI document', () => {
  const document = openApiDocument('1.2.3')

  it('resolves every reference', () => {
    const text = JSON.stringify(document)
    const schemas = (document['components'] as { schemas: Record<string, unknown> }).schemas
    const wanted = [...text.matchAll(/"#\/components\/schemas\/([^"]+)"/g)].map((match) => match[1] ?? '')
    expect(wanted.filter((id) => schemas[id] === undefined)).toEqual([])
    expect(wanted.length).toBeGreaterThan(50)
  })

  it('documents a problem for each refused call', () => {
    const paths = document['paths'] as Record<string, Record<string, { responses: Record<string, unknown> }>>
    expect(Object.keys(paths['/scans']?.['post']?.responses ?? {})).toEqual(
      expect.arrayContaining(['200', '202', '400', '401', '403', '413', '422', '429']),
    )
  })
})

describe('PharosError', () => {
  it('takes status, class and level from the definition of its code', () => {
    const error = new PharosError('registry-rate-limited', 'Slow down.', { retryAfterMs: 1500 })
    expect(error).toMatchObject({ status: 429, isRetryable: true, logLevel: 'info' })
    expect(error.toProblem({ instance: '/api/v1/scans' })).toMatchObject({
      type: 'https://pharos.dev/problems/registry-rate-limited',
      title: problemDefinitions['registry-rate-limited'].title,
      retryAfterSeconds: 2,
      instance: '/api/v1/scans',
    })
  })

  it('survives the way over HTTP', () => {
    const error = PharosError.fromProblem(new PharosError('image-corrupt', 'Layer 2 is no tar.').toProblem())
    expect(error).toMatchObject({ code: 'image-corrupt', detail: 'Layer 2 is no tar.', isRetryable: false })
  })
})
