import { describe, expect, it } from 'vitest'
import { httpParameters, redisParameters } from './shared-parameters.js'
import { defineConfiguration } from './parameter.js'
import { renderConfigurationJsonSchema, renderConfigurationMarkdown } from './render-reference.js'
import { choice } from './value-types.js'

const definition = defineConfiguration('demo', 'A service for tests.', {
  http: httpParameters({ port: 8080 }),
  redis: redisParameters(),
  work: { mode: { schema: choice(['a', 'b']), flag: '--mode', description: 'This | that.' } },
})

describe('renderConfigurationMarkdown', () => {
  it('has one row a parameter, with escaped bars', () => {
    const rows = renderConfigurationMarkdown(definition)
      .split('\n')
      .filter((line) => line.startsWith('| `--'))
    expect(rows).toHaveLength(7)
    expect(rows).toContain('| `--port` | `PHAROS_PORT` | N | `8080` | Port to listen on; 0 for a free one. |')
    expect(rows).toContain('| `--mode` | `PHAROS_MODE` | a, b | **required** | This \\| that. |')
  })
})

describe('renderConfigurationJsonSchema', () => {
  it('holds typed defaults and no secret', () => {
    expect(renderConfigurationJsonSchema(definition)).toMatchObject({
      title: 'demo',
      additionalProperties: false,
      properties: {
        http: {
          properties: {
            port: { type: 'integer', minimum: 0, maximum: 65_535, default: 8080 },
            trustProxy: { type: 'boolean', default: false },
          },
        },
        work: { properties: { mode: { enum: ['a', 'b'] } } },
      },
    })
    expect(JSON.stringify(renderConfigurationJsonSchema(definition))).not.toContain('redis')
  })
})
