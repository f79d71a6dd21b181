import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdir, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { pollUntil } from '@pharos/service-kit'
import { freePort, pharosHome, repositoryDirectory, startPostgres, startRedis, type TestPostgres, type TestRedis } from '@pharos/test-kit'
import { Redis } from 'ioredis'
import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasScanners } from './harness/pharos-stack.js'
import { processesWith } from './harness/process-list.js'

let postgres: TestPostgres
let redis: TestRedis
let home: string
let databaseUrl: string
let running: ChildProcess | undefined
let output = ''

/** The command as `npm start -- --demo` runs it, on the servers of somebody else. */
async function start(): Promise<void> {
  running = spawn(process.execPath, ['scripts/start.mjs', '--demo'], {
    cwd: repositoryDirectory,
    env: { ...process.env, PHAROS_HOME: home, DATABASE_URL: databaseUrl, REDIS_URL: redis.url, PHAROS_PORT: String(await freePort()) },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const take = (chunk: Buffer): void => void (output += chunk.toString())
  running.stdout?.on('data', take)
  running.stderr?.on('data', take)
  await pollUntil(() => output.includes('Ctrl-C stops everything') || running?.exitCode !== null, {
    timeoutMs: 240_000,
    what: 'the welcome',
  })
}

async function stop(): Promise<number | null> {
  const ended = new Promise<number | null>((resolve) => running?.once('close', resolve))
  running?.kill('SIGINT')
  return ended
}

describe.skipIf(!hasScanners)('npm start on existing servers', () => {
  beforeAll(async () => {
    home = join(pharosHome(), 'test', 'start', randomBytes(5).toString('hex'))
    await mkdir(home, { recursive: true })
    await symlink(join(pharosHome(), 'tools'), join(home, 'tools'))
    postgres = await startPostgres()
    databaseUrl = (await postgres.createDatabase()).url
    redis = await startRedis({ isPrivate: true })
    await start()
  }, 260_000)
  afterAll(async () => {
    if (running?.exitCode === null) running.kill('SIGKILL')
    await redis?.close()
    await postgres?.close()
    await rm(home, { recursive: true, force: true })
  })

  it('uses them, and starts none of its own', () => {
    expect(output).toContain('PostgreSQL (DATABASE_URL), Redis (REDIS_URL)')
    expect(processesWith(home).filter(({ name }) => /postgres|redis/.test(name))).toEqual([])
  })

  it('has scanned the sample images', async () => {
    const client = new Client({ connectionString: databaseUrl })
    await client.connect()
    const { rows } = await client.query<{ state: string; count: string }>('select state, count(*) from scan_task group by state')
    await client.end()
    expect(rows).toEqual([{ state: 'succeeded', count: expect.stringMatching(/^[1-9]/) as string }])
  })

  it('prints a token that opens the API', async () => {
    const [, server = '', token = ''] = /PHAROS_SERVER=(\S+) PHAROS_TOKEN=(\S+)/.exec(output) ?? []
    const answer = await fetch(`${server}/api/v1/images`, { headers: { authorization: `Bearer ${token}` } })
    expect(answer.status).toBe(200)
    expect((await fetch(`${server}/api/v1/images`)).status).toBe(401)
  })

  it('leaves no process on Ctrl-C, and the servers as they were', async () => {
    expect(await stop()).toBe(0)
    await pollUntil(() => processesWith(home).length === 0, { timeoutMs: 10_000, what: 'the end of every process' })
    const client = new Redis(redis.url)
    expect(await client.ping()).toBe('PONG')
    client.disconnect()
    const database = new Client({ connectionString: databaseUrl })
    await database.connect()
    await database.end()
  })
})
