import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, expectTypeOf, it } from 'vitest'
import { httpParameters, redisParameters, serviceTrustParameters, tracingParameters } from './shared-parameters.js'
import { loadConfiguration } from './load-configuration.js'
import { type ConfigurationOf, defineConfiguration } from './parameter.js'
import { boolean, byteSize, choice, durationMs, integer, list, text } from './value-types.js'

const definition = defineConfiguration('demo', 'A service for tests.', {
  http: httpParameters({ port: 8080 }),
  redis: redisParameters(),
  tracing: tracingParameters(),
  scan: {
    timeoutMs: { schema: durationMs({ minMs: 1000 }), flag: '--scan-timeout', default: '10m', description: 'Longest scan.' },
    layerCacheBytes: { schema: byteSize(), flag: '--layer-cache', default: '2GiB', description: 'Room for layers.' },
    engines: { schema: list(), flag: '--engines', default: 'grype', description: 'Engines.' },
    mode: { schema: choice(['fast', 'full']), flag: '--mode', default: 'fast', description: 'Mode.' },
    isOffline: { schema: boolean(), flag: '--offline', default: 'false', description: 'No network.' },
    slots: { schema: integer({ min: 1, max: 64 }), flag: '--slots', default: '2', description: 'Slots.' },
  },
  identity: { key: { schema: text({ minLength: 8 }), flag: '--service-key', isSecret: true, description: 'Key.' } },
})
const key = { PHAROS_SERVICE_KEY: 'abcdefgh' }
const directory = mkdtempSync(join(tmpdir(), 'pharos-configuration-'))
afterAll(() => rmSync(directory, { recursive: true }))

function tree(argv: string[], env: Record<string, string | undefined> = key): ConfigurationOf<typeof definition> {
  const loaded = loadConfiguration(definition, argv, env)
  if (loaded.kind !== 'loaded') throw new Error(JSON.stringify(loaded))
  return loaded.configuration
}

function problems(argv: string[], env: Record<string, string | undefined> = key): string[] {
  const loaded = loadConfiguration(definition, argv, env)
  return loaded.kind === 'invalid' ? loaded.problems.map((problem) => `${problem.flag} ${problem.detail}`) : []
}

describe('loadConfiguration', () => {
  it('fills in the defaults, typed', () => {
    const configuration = tree([])
    expect(configuration.scan).toEqual({
      timeoutMs: 600_000,
      layerCacheBytes: 2 * 1024 ** 3,
      engines: ['grype'],
      mode: 'fast',
      isOffline: false,
      slots: 2,
    })
    expect(configuration.tracing).toEqual({ endpoint: undefined, sampleRatio: 1 })
    expectTypeOf(configuration.scan.timeoutMs).toEqualTypeOf<number>()
    expectTypeOf(configuration.scan.mode).toEqualTypeOf<'fast' | 'full'>()
    expectTypeOf(configuration.tracing.endpoint).toEqualTypeOf<string | undefined>()
  })

  it('yields a tree that cannot be changed', () => {
    const configuration = tree([])
    expect(Object.isFrozen(configuration) && Object.isFrozen(configuration.scan)).toBe(true)
  })

  it.each([
    { title: 'a flag wins over the environment', argv: ['--slots', '3'], env: { PHAROS_SLOTS: '4' }, slots: 3 },
    { title: 'a flag may carry its value after =', argv: ['--slots=5'], env: {}, slots: 5 },
    { title: 'the environment wins over the default', argv: [], env: { PHAROS_SLOTS: '4' }, slots: 4 },
    { title: 'an empty variable counts as absent', argv: [], env: { PHAROS_SLOTS: '' }, slots: 2 },
  ])('$title', ({ argv, env, slots }) => {
    expect(tree(argv, { ...key, ...env }).scan.slots).toBe(slots)
  })

  it('reads variables of other tools last', () => {
    expect(tree([], { ...key, REDIS_URL: 'redis://a' }).redis.url).toBe('redis://a')
    expect(tree([], { ...key, REDIS_URL: 'redis://a', PHAROS_REDIS_URL: 'redis://b' }).redis.url).toBe('redis://b')
  })

  it('knows switches with and without value', () => {
    expect(tree(['--offline']).scan.isOffline).toBe(true)
    expect(tree(['--no-offline'], { ...key, PHAROS_OFFLINE: 'yes' }).scan.isOffline).toBe(false)
    expect(tree(['--offline=no']).scan.isOffline).toBe(false)
  })

  it('reads a secret from the file that a flag or a variable names, without its last line break', () => {
    const file = join(directory, 'key')
    writeFileSync(file, 'from-a-file\n')
    expect(tree([], { PHAROS_SERVICE_KEY_FILE: file }).identity.key).toBe('from-a-file')
    expect(tree(['--service-key-file', file]).identity.key).toBe('from-a-file')
  })

  it('names every problem at once', () => {
    expect(problems(['--slots', '0', '--mode=slow', '--slot', '1', 'stray'], {})).toEqual([
      '--slot is not a parameter of demo; did you mean --slots?',
      'argument 6 is not a flag of demo; --help lists all parameters',
      '--mode must be one of fast, full (given "slow"), from --mode',
      '--slots must be at least 1 (given "0"), from --slots',
      '--service-key is required; give it as --service-key or PHAROS_SERVICE_KEY or PHAROS_SERVICE_KEY_FILE',
    ])
  })

  it.each([
    { title: 'a value that is missing', argv: ['--slots', '--offline'], problem: '--slots needs a value' },
    { title: 'a value that is missing at the end', argv: ['--slots'], problem: '--slots needs a value' },
    { title: 'a flag given twice', argv: ['--slots', '1', '--slots', '2'], problem: '--slots is given twice' },
    {
      title: 'a flag of which nothing is near',
      argv: ['--xyzzy'],
      problem: '--xyzzy is not a parameter of demo; --help lists all parameters',
    },
    {
      title: 'a file that cannot be read',
      argv: ['--service-key-file', '/nonexistent/key'],
      problem: '--service-key the file /nonexistent/key cannot be read (ENOENT), from --service-key-file',
    },
  ])('names $title', ({ argv, problem }) => {
    expect(problems(argv)).toEqual([problem])
  })

  it('never repeats a secret', () => {
    expect(problems([], { PHAROS_SERVICE_KEY: 'short', PHAROS_REDIS_URL: 'http://user:hunter2@host' }).join('\n')).not.toMatch(
      /short|hunter2/,
    )
    const trust = defineConfiguration('demo', '', { trust: serviceTrustParameters() })
    const loaded = loadConfiguration(trust, ['--service-keys', 'a=hunter2,nonsense'], {})
    expect(loaded.kind).toBe('invalid')
    expect(JSON.stringify(loaded)).not.toMatch(/hunter2|nonsense/)
  })

  it('answers --help with every flag, variable and default', () => {
    const loaded = loadConfiguration(definition, ['--help'], {})
    expect(loaded.kind).toBe('help')
    const help = loaded.kind === 'help' ? loaded.text : ''
    expect(help).toContain('--scan-timeout DURATION')
    expect(help).toContain('[PHAROS_SCAN_TIMEOUT; default 10m]')
    expect(help).toContain('[PHAROS_SERVICE_KEY; secret; required]')
    expect(help).toContain('--offline, --no-offline')
    expect(help).toContain('[PHAROS_REDIS_URL, REDIS_URL; secret; default redis://127.0.0.1:6379]')
  })
})

describe('defineConfiguration', () => {
  it('refuses a flag that stands twice, also as the file of a secret', () => {
    const parameter = { schema: text(), description: '' }
    expect(() =>
      defineConfiguration('demo', '', { a: { x: { ...parameter, flag: '--x' } }, b: { y: { ...parameter, flag: '--x' } } }),
    ).toThrow('declared twice')
    expect(() =>
      defineConfiguration('demo', '', { a: { x: { ...parameter, flag: '--x', isSecret: true }, y: { ...parameter, flag: '--x-file' } } }),
    ).toThrow('declared twice')
  })
})
