import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createDockerCredentialSource, type DockerCredentialOptions } from './docker-credentials.js'
import { firstOf, fixedCredentials, type RegistryCredential } from './registry-credential.js'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pharos-docker-'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

const base64 = (text: string): string => Buffer.from(text).toString('base64')

async function find(registry: string, config: unknown, options: Partial<DockerCredentialOptions> = {}): Promise<RegistryCredential | null> {
  await writeFile(join(directory, 'config.json'), typeof config === 'string' ? config : JSON.stringify(config))
  return createDockerCredentialSource({
    directory,
    helperEnvironment: { PATH: `${directory}${delimiter}${process.env['PATH'] ?? ''}` },
    ...options,
  }).find(registry)
}

async function writeHelper(name: string, script: string): Promise<void> {
  const path = join(directory, `docker-credential-${name}`)
  await writeFile(path, `#!/bin/sh\n${script}\n`)
  await chmod(path, 0o755)
}

describe('a Docker configuration file', () => {
  it.each<[string, string, object, RegistryCredential | null]>([
    ['a host', 'ghcr.io', { 'ghcr.io': { auth: base64('u:p:with:colons') } }, { kind: 'basic', username: 'u', password: 'p:with:colons' }],
    ['a host with a port', 'r:5000', { 'r:5000': { auth: base64('u:p') } }, { kind: 'basic', username: 'u', password: 'p' }],
    ['not another port', 'r:5001', { 'r:5000': { auth: base64('u:p') } }, null],
    [
      'Docker Hub by its old URL',
      'docker.io',
      { 'https://index.docker.io/v1/': { auth: base64('u:p') } },
      { kind: 'basic', username: 'u', password: 'p' },
    ],
    [
      'a URL as key',
      'quay.io',
      { 'https://quay.io/v2/': { username: 'u', password: 'p' } },
      { kind: 'basic', username: 'u', password: 'p' },
    ],
    [
      'an identity token before a password',
      'a.io',
      { 'a.io': { auth: base64('u:p'), identitytoken: 't' } },
      { kind: 'identityToken', identityToken: 't' },
    ],
    ['a registry token', 'a.io', { 'a.io': { registrytoken: 't' } }, { kind: 'registryToken', token: 't' }],
    ['nothing for a subdomain', 'evil.ghcr.io', { 'ghcr.io': { auth: base64('u:p') } }, null],
    ['nothing for a name that begins alike', 'ghcr.io.evil.example', { 'ghcr.io': { auth: base64('u:p') } }, null],
    ['an empty entry', 'ghcr.io', { 'ghcr.io': {} }, null],
  ])('knows %s', async (_what, registry, auths, expected) => {
    expect(await find(registry, { auths })).toEqual(expected)
  })

  it('may be missing', async () => {
    expect(await createDockerCredentialSource({ directory: join(directory, 'none') }).find('a.io')).toBeNull()
  })

  it.each<[string, unknown]>([
    ['no JSON', '{'],
    ['another shape', { auths: 'x' }],
    ['an auth without a colon', { auths: { 'a.io': { auth: base64('secretword') } } }],
  ])('that is %s is named without its contents', async (_what, config) => {
    const failure: unknown = await find('a.io', config).catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'registry-credential-unavailable' })
    expect(String(failure)).not.toContain('secretword')
  })
})

describe('a credential helper', () => {
  it('gets the server on standard input and nothing but "get" as argument', async () => {
    await writeHelper(
      'mine',
      `cat > "${join(directory, 'input')}"; echo "$#:$1" > "${join(directory, 'arguments')}"; echo '{"ServerURL":"x","Username":"u","Secret":"s"}'`,
    )
    expect(await find('a.io', { credHelpers: { 'a.io': 'mine' }, auths: { 'a.io': { auth: base64('x:y') } } })).toEqual({
      kind: 'basic',
      username: 'u',
      password: 's',
    })
    expect(await readFile(join(directory, 'input'), 'utf8')).toBe('a.io\n')
    expect(await readFile(join(directory, 'arguments'), 'utf8')).toBe('1:get\n')
  })

  it('gives an identity token under the name <token>', async () => {
    await writeHelper('mine', `echo '{"Username":"<token>","Secret":"s"}'`)
    expect(await find('docker.io', { credsStore: 'mine' })).toEqual({ kind: 'identityToken', identityToken: 's' })
  })

  it('that has nothing leaves it to the file', async () => {
    await writeHelper('mine', 'echo "credentials not found in native keychain"; exit 1')
    expect(await find('a.io', { credsStore: 'mine', auths: { 'a.io': { auth: base64('u:p') } } })).toEqual({
      kind: 'basic',
      username: 'u',
      password: 'p',
    })
  })

  it.each<[string, string, string]>([
    ['fails', 'mine', 'echo topsecret; exit 3'],
    ['prints no JSON', 'mine', 'echo topsecret'],
    ['is not there', 'absent', ''],
    ['prints for ever', 'mine', 'yes topsecret'],
    ['hangs', 'mine', 'exec sleep 60'],
    ['has a path as its name', '../mine', ''],
    ['has an option as its name', '-x', ''],
    ['has spaces in its name', 'a; rm -rf', ''],
  ])('that %s is an error without its output', async (_what, name, script) => {
    if (script !== '') await writeHelper('mine', script)
    const failure: unknown = await find('a.io', { credHelpers: { 'a.io': name } }, { helperTimeoutMs: 500 }).catch(
      (error: unknown) => error,
    )
    expect(failure).toMatchObject({ code: 'registry-credential-unavailable' })
    expect(String(failure)).not.toContain('topsecret')
  })
})

describe('firstOf', () => {
  it('asks in order', async () => {
    const one: RegistryCredential = { kind: 'registryToken', token: '1' }
    const two: RegistryCredential = { kind: 'registryToken', token: '2' }
    const source = firstOf(fixedCredentials({ 'a.io': one }), fixedCredentials({ 'a.io': two, 'b.io': two }))
    expect([await source.find('a.io'), await source.find('b.io'), await source.find('c.io')]).toEqual([one, two, null])
  })
})
