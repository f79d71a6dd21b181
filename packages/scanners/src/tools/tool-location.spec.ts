import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { fakeProgram, scratchDirectory } from '../__tests__/fake-program.js'
import { locateTool, toolDefinitions, type ToolSearch } from './tool-location.js'
import { parseToolVersion } from './tool-version.js'

let search: ToolSearch
let onPath = ''
let configured = ''

beforeEach(async () => {
  const root = await scratchDirectory()
  onPath = join(root, 'path')
  configured = join(root, 'configured')
  await Promise.all([mkdir(onPath), mkdir(join(root, 'tools')), mkdir(configured)])
  search = { searchPath: `relative:${onPath}`, toolsDirectory: join(root, 'tools'), workDirectory: root }
})

const printing = (version: string) => `echo "Application: grype"; echo "Version:    ${version}"`

describe('the location of a tool', () => {
  it('is the configured path, whatever else is there', async () => {
    await fakeProgram(onPath, 'grype', printing('0.121.2'))
    const path = await fakeProgram(configured, 'grype', printing('0.99.0'))
    expect(await locateTool(toolDefinitions.grype, { ...search, configuredPath: path })).toMatchObject({
      outcome: 'found',
      path,
      version: '0.99.0',
      source: 'configured',
    })
  })

  it('is not taken elsewhere when the configured path does not work', async () => {
    await fakeProgram(onPath, 'grype', printing('0.121.2'))
    expect(await locateTool(toolDefinitions.grype, { ...search, configuredPath: join(configured, 'nothing') })).toMatchObject({
      outcome: 'unavailable',
      reason: expect.stringContaining('was configured as') as string,
    })
  })

  it('is on PATH when that version is supported', async () => {
    const path = await fakeProgram(onPath, 'grype', printing('0.121.2'))
    await fakeProgram(search.toolsDirectory, 'grype', printing('0.121.2'))
    expect(await locateTool(toolDefinitions.grype, search)).toMatchObject({ outcome: 'found', path, source: 'path' })
  })

  it('is in the tools folder when PATH has an old one', async () => {
    await fakeProgram(onPath, 'grype', printing('0.74.0'))
    const path = await fakeProgram(search.toolsDirectory, 'grype', printing('0.121.2'))
    expect(await locateTool(toolDefinitions.grype, search)).toMatchObject({ outcome: 'found', path, source: 'tools' })
  })

  it('is unknown, with what was wrong and how to get the tool', async () => {
    await fakeProgram(onPath, 'grype', printing('0.74.0'))
    await fakeProgram(search.toolsDirectory, 'grype', 'echo nothing; exit 1')
    const location = await locateTool(toolDefinitions.grype, search)
    expect(location).toMatchObject({ outcome: 'unavailable' })
    const reason = location.outcome === 'unavailable' ? location.reason : ''
    expect(reason).toContain('is version 0.74.0')
    expect(reason).toContain('exit code 1')
    expect(reason).toContain('https://github.com/anchore/grype/releases')
  })
})

describe('parseToolVersion', () => {
  it.each([
    ['Application:   syft\nVersion:       1.57.0\nBuildDate: x', '1.57.0'],
    ['Version: 0.74.0\nVulnerability DB:\n  Version: 2', '0.74.0'],
    ['v1.2.3-rc1', '1.2.3-rc1'],
    ['Version: [not provided]', undefined],
  ])('reads %j', (output, version) => {
    expect(parseToolVersion(output)).toBe(version)
  })
})
