import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { WorkDirectories } from '@pharos/scanners'
import { createLogger, HealthRegistry, loadConfiguration } from '@pharos/service-kit'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { installFakeTools } from '../__tests__/fake-tools.js'
import { configurationDefinition } from '../configuration.js'
import { EngineTools } from './engine-tools.js'

let home: string
let lines: { message: string; tool?: string }[]
let tools: EngineTools

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'pharos-tools-'))
  lines = []
  const flags = ['--redis-url', 'redis://x', '--results-url', 'http://x', '--service-key', 'k'.repeat(32)]
  const loaded = loadConfiguration(configurationDefinition, [...flags, '--home', home, '--tool-search-path', '/nonexistent'], {})
  if (loaded.kind !== 'loaded') throw new Error(JSON.stringify(loaded))
  const destination = { write: (line: string) => void lines.push(JSON.parse(line) as (typeof lines)[number]) }
  const logger = createLogger({ service: 'test', level: 'debug', format: 'json', destination })
  tools = new EngineTools(new WorkDirectories(join(home, 'tmp')), logger, new HealthRegistry(), loaded.configuration)
})
afterEach(() => rm(home, { recursive: true, force: true }))

const told = () => lines.map(({ message, tool }) => (tool === undefined ? message : `${message}: ${tool}`))

describe('looking for tools', () => {
  it('tells what is here and what is not, and the next time only what has changed', async () => {
    await tools.onModuleInit()
    expect(told()).toEqual(
      ['pharos-engine', 'grype', 'syft', 'trivy'].map((tool) => `tool unavailable: ${tool}`).concat('scan engine chosen'),
    )

    lines.length = 0
    await tools.onModuleInit()
    expect(told()).toEqual([])

    await installFakeTools(home)
    await tools.onModuleInit()
    expect(told()).toEqual(['tool found: pharos-engine', 'tool found: grype', 'scan engine chosen'])
  })
})
