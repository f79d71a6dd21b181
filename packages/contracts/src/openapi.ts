import { z } from 'zod'
import { Problem, problemDefinitions, type ProblemCode } from './problem.js'
import { type RouteDefinition, routes } from './routes.js'
import { definedSchemas } from './schema.js'

type Json = Record<string, unknown>

const schemaUri = (id: string) => `#/components/schemas/${id}`

/** JSON Schemas of all contracts that have an id, with references among each other. */
function componentSchemas(io: 'input' | 'output'): Json {
  const registry = z.registry<{ id: string }>()
  for (const [id, schema] of definedSchemas) registry.add(schema, { id })
  const { schemas } = z.toJSONSchema(registry, { io, uri: schemaUri, unrepresentable: 'any', reused: 'inline' })
  const components: Json = {}
  for (const [id, schema] of Object.entries(schemas)) {
    const { $schema: _dialect, $id: _id, id: _metaId, ...rest } = schema as Json
    components[id] = rest
  }
  return components
}

function refOf(schema: z.ZodType): Json {
  const id = schema.meta()?.['id']
  if (typeof id === 'string' && definedSchemas.has(id)) return { $ref: schemaUri(id) }
  const { $schema: _dialect, ...inline } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Json
  return inline
}

function parametersOf(route: RouteDefinition): Json[] {
  const path = Object.entries(route.params ?? {}).map(([name, schema]) => ({ name, in: 'path', required: true, schema: refOf(schema) }))
  const query = Object.entries(route.query?.shape ?? {}).map(([name, schema]) => {
    const field = schema as z.ZodType
    const description = field.meta()?.['description']
    return {
      name,
      in: 'query',
      required: !field.safeParse(undefined).success,
      ...(typeof description === 'string' ? { description } : {}),
      schema: refOf(field),
    }
  })
  const header = route.isIdempotent
    ? [
        {
          name: 'Idempotency-Key',
          in: 'header',
          required: false,
          description: 'Key under which a repeated request gets the first answer, for 24 h',
          schema: { type: 'string', maxLength: 255 },
        },
      ]
    : []
  return [...path, ...query, ...header]
}

function problemResponses(route: RouteDefinition): Json {
  const codes: ProblemCode[] = [
    'request-invalid',
    ...(route.params ? (['not-found'] as const) : []),
    ...(route.role === 'none' ? [] : (['unauthenticated', 'forbidden'] as const)),
    ...(route.body ? (['request-too-large', 'media-type-not-accepted'] as const) : []),
    'rate-limited',
    'upstream-unavailable',
    ...(route.problems ?? []),
  ]
  const byStatus = new Map<number, ProblemCode[]>()
  for (const code of codes) {
    const { status } = problemDefinitions[code]
    byStatus.set(status, [...(byStatus.get(status) ?? []), code])
  }
  return Object.fromEntries(
    [...byStatus].map(([status, list]) => [
      status,
      {
        description: [...new Set(list)].map((code) => `${code}: ${problemDefinitions[code].title}`).join('. '),
        content: { 'application/problem+json': { schema: refOf(Problem) } },
      },
    ]),
  )
}

function operationOf(route: RouteDefinition): Json {
  const responses: Json = {}
  for (const [status, response] of Object.entries(route.responses)) {
    const content = response.schema
      ? { 'application/json': { schema: refOf(response.schema) } }
      : response.mediaType
        ? { [response.mediaType]: { schema: {} } }
        : undefined
    responses[status] = { description: response.description, ...(content ? { content } : {}) }
  }
  const body =
    route.body &&
    ('raw' in route.body
      ? Object.fromEntries(route.body.raw.split(', ').map((mediaType) => [mediaType, { schema: {} }]))
      : { 'application/json': { schema: refOf(route.body.schema) } })
  return {
    operationId: route.operation,
    summary: route.summary,
    tags: [route.tag],
    ...(route.role === 'none' ? { security: [] } : { description: `Needs the role ${route.role}.` }),
    parameters: parametersOf(route),
    ...(body ? { requestBody: { required: true, content: body } } : {}),
    responses: { ...problemResponses(route), ...responses },
  }
}

/** The OpenAPI 3.1 document of the public API, made of the contracts. */
export function openApiDocument(version: string): Json {
  const paths: Record<string, Json> = {}
  for (const route of routes as readonly RouteDefinition[]) {
    const path = (paths[route.path] ??= {})
    path[route.method.toLowerCase()] = operationOf(route)
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Pharos API',
      version,
      description:
        'What is in your container images, what is vulnerable, and what to do first. Every error is a problem document (RFC 9457).',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/api/v1' }],
    security: [{ token: [] }, { basic: [] }],
    tags: [...new Set((routes as readonly RouteDefinition[]).map((route) => route.tag))].map((name) => ({ name })),
    paths,
    components: {
      schemas: componentSchemas('input'),
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'API token, phr_…' },
        basic: { type: 'http', scheme: 'basic' },
      },
    },
  }
}
