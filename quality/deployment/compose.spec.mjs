import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'

const root = resolve(import.meta.dirname, '../..')
const read = (path) => readFileSync(join(root, path), 'utf8')
const compose = parse(read('docker-compose.yml'), { merge: true })
const dockerfile = read('deploy/docker/Dockerfile')
const apps = ['api-gateway', 'results-service', 'scanner-worker', 'scheduler']
const stages = [...dockerfile.matchAll(/^FROM (\S+) AS (\S+)$/gm)].map(([, from, name]) => ({ from, name }))

let secretsFolder

beforeAll(() => {
  secretsFolder = mkdtempSync(join(tmpdir(), 'pharos-secrets-'))
  execFileSync('sh', [join(root, 'deploy/docker/make-secrets.sh'), secretsFolder])
})

afterAll(() => rmSync(secretsFolder, { recursive: true }))

/** The environment of a service as it is inside its container, with its secret files where this test has them. */
function environmentOf(name) {
  return Object.fromEntries(
    Object.entries(compose.services[name].environment).map(([key, value]) => [
      key,
      value.replace(/^\/run\/secrets\//, `${secretsFolder}/`),
    ]),
  )
}

async function configurationOf(app) {
  const { configurationDefinition } = await import(`../../apps/${app}/src/configuration.ts`)
  return configurationDefinition
}

describe('docker-compose.yml', () => {
  it.each(apps)('%s starts with the parameters that it is given, and knows all of them', async (app) => {
    const { environmentName, loadConfiguration } = await import('../../packages/service-kit/src/index.ts')
    const definition = await configurationOf(app)
    const known = Object.values(definition.groups).flatMap((group) =>
      Object.values(group).map((parameter) => environmentName(parameter.flag)),
    )
    const given = { PHAROS_HOST: '0.0.0.0', PHAROS_LOG_FORMAT: 'json', ...environmentOf(app) }
    expect(Object.keys(given).filter((key) => !known.includes(key.replace(/_FILE$/, '')))).toEqual([])
    const loaded = loadConfiguration(definition, [], given)
    expect(loaded.problems ?? []).toEqual([])
    expect(loaded.configuration.http.port).toBe(Number(given.PHAROS_PORT))
  })

  it.each(apps)('%s calls others at the port on which they listen', (app) => {
    for (const value of Object.values(compose.services[app].environment)) {
      const url = /^http:\/\/([a-z-]+):(\d+)/.exec(value)
      if (url) expect(compose.services[url[1]].environment.PHAROS_PORT).toBe(url[2])
    }
  })

  it.each(apps)('%s has a read-only root, no capabilities and an image of this repository', (app) => {
    const service = compose.services[app]
    expect(service).toMatchObject({ read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] })
    expect(service.build.args.SERVICE).toBe(app)
    expect(stages.map((stage) => stage.name)).toContain(service.build.target)
    expect(existsSync(join(root, service.build.dockerfile))).toBe(true)
  })

  it('gives every secret that a service reads, and makes each of them', () => {
    for (const [name, service] of Object.entries(compose.services)) {
      const files = Object.values(service.environment ?? {}).filter((value) => value.startsWith('/run/secrets/'))
      expect({ name, secrets: files.map((file) => file.slice('/run/secrets/'.length)).sort() }).toEqual({
        name,
        secrets: [...(service.secrets ?? [])].sort(),
      })
    }
    expect(readdirSync(secretsFolder).sort()).toEqual(Object.keys(compose.secrets).sort())
    expect(statSync(secretsFolder).mode & 0o077).toBe(0)
  })

  it('keeps secrets that are there when they are made again', () => {
    const before = readFileSync(join(secretsFolder, 'admin-token'), 'utf8')
    execFileSync('sh', [join(root, 'deploy/docker/make-secrets.sh'), secretsFolder])
    expect(readFileSync(join(secretsFolder, 'admin-token'), 'utf8')).toBe(before)
  })

  it('runs Redis without eviction, results-service twice, and services after the migration', () => {
    expect(compose.services.redis.command.join(' ')).toContain('--maxmemory-policy noeviction')
    expect(compose.services['results-service'].deploy.replicas).toBe(2)
    expect(compose.services['results-service'].depends_on.migrate.condition).toBe('service_completed_successfully')
    expect(compose.services.migrate.entrypoint).toEqual(['node', 'dist/migrate.js'])
  })

  it('lets only results-service and the migration reach PostgreSQL, and only the gateway be reached', () => {
    const near = Object.entries(compose.services)
      .filter(([, service]) => service.networks.includes('data'))
      .map(([name]) => name)
    expect(near.sort()).toEqual(['migrate', 'postgres', 'results-service'])
    expect(
      Object.entries(compose.services)
        .filter(([, service]) => service.ports)
        .map(([name]) => name),
    ).toEqual(['api-gateway'])
  })

  it('names only networks, volumes and services that exist', () => {
    for (const service of Object.values(compose.services)) {
      for (const network of service.networks) expect(Object.keys(compose.networks)).toContain(network)
      for (const volume of service.volumes ?? []) expect(Object.keys(compose.volumes)).toContain(volume.split(':')[0])
      for (const name of Object.keys(service.depends_on ?? {})) expect(Object.keys(compose.services)).toContain(name)
    }
  })
})

describe('Dockerfile', () => {
  it('copies only from its own stages and from files that exist and are not left out', () => {
    const ignored = read('.dockerignore').split('\n')
    for (const [, from, source] of dockerfile.matchAll(/^COPY (?:--from=(\S+) )?(?:--\S+ )*(\S+)/gm)) {
      if (from) expect(stages.map((stage) => stage.name)).toContain(from)
      else if (source !== '.') {
        expect({ source, exists: existsSync(join(root, source)) }).toEqual({ source, exists: true })
        expect(ignored).not.toContain(source)
      }
    }
  })

  it('ends every service image as another user than root', () => {
    for (const name of ['service', 'service-with-tools']) {
      const text = dockerfile.slice(dockerfile.indexOf(` AS ${name}\n`)).split(/^FROM /m)[0]
      expect(text.match(/^USER (\S+)$/gm)?.at(-1)).toBe('USER node')
    }
  })

  it('pins base images to a major version, and Go to the one that tools/go.mod asks for', () => {
    const versions = Object.fromEntries([...dockerfile.matchAll(/^ARG (\w+)=(\S+)$/gm)].map(([, name, value]) => [name, value]))
    for (const { from } of stages.filter((stage) => stage.from.includes(':')))
      expect(from).toMatch(/^(node|golang):\$\{\w+\}-bookworm(-slim)?$/)
    expect(versions).toEqual({ NODE_VERSION: '24', GO_VERSION: /^go (\d+\.\d+)/m.exec(read('tools/go.mod'))[1] })
  })
})
