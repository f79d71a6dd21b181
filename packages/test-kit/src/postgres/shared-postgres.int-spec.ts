import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { isAlive, waitUntil, type ProcessIdentity } from '../../plain/process-identity.mjs'
import { preparePostgresCluster, removePostgresCluster } from './postgres-cluster.js'
import { leaseSharedPostgres, stopSharedPostgres } from './shared-postgres.js'

describe('the PostgreSQL that test processes share', () => {
  let home: string
  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'pharos-shared-'))
    vi.stubEnv('PHAROS_HOME', home)
  })
  afterAll(async () => {
    await stopSharedPostgres()
    await removePostgresCluster(join(home, 'test', 'postgres'))
    await rm(home, { recursive: true })
    vi.unstubAllEnvs()
  })

  const recordPath = (): string => join(home, 'test', 'postgres', 'server.json')
  const readRecord = async (): Promise<{ server: ProcessIdentity; keeper: ProcessIdentity }> =>
    JSON.parse(await readFile(recordPath(), 'utf8')) as { server: ProcessIdentity; keeper: ProcessIdentity }

  it('comes back after its keeper was killed and left it behind', async () => {
    const first = await leaseSharedPostgres()
    const before = await readRecord()
    process.kill(before.keeper.pid, 'SIGKILL')
    expect(await waitUntil(() => !isAlive(before.keeper), 30_000)).toBe(true)
    const second = await leaseSharedPostgres()
    expect(isAlive(before.server)).toBe(false)
    const client = new pg.Client({ connectionString: second.url })
    await client.connect()
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    await client.end()
    first.release()
    second.release()
  })

  it('waits for what a killed server has left behind', async () => {
    const first = await leaseSharedPostgres()
    const before = await readRecord()
    const directory = await realpath(join(home, 'test', 'postgres'))
    const { dataDirectory } = await preparePostgresCluster(directory)
    // Stands for a checkpointer that still writes for a postmaster which is gone.
    const leftBehind = spawn('sleep', ['600'], { cwd: dataDirectory, stdio: 'ignore' })
    process.kill(before.keeper.pid, 'SIGKILL')
    process.kill(before.server.pid, 'SIGKILL')
    expect(await waitUntil(() => !isAlive(before.server), 30_000)).toBe(true)
    let hasStarted = false
    const second = leaseSharedPostgres().finally(() => (hasStarted = true))
    expect(await waitUntil(() => hasStarted, 1_000)).toBe(false)
    leftBehind.kill('SIGKILL')
    const { url, release } = await second
    expect(url).not.toBe(first.url)
    first.release()
    release()
  })

  it('ends by itself when nobody holds a lease on it any more', async () => {
    await stopSharedPostgres()
    const lease = await leaseSharedPostgres({ lingerMs: 300 })
    const { server, keeper } = await readRecord()
    lease.release()
    expect(await waitUntil(() => !isAlive(server) && !isAlive(keeper), 60_000)).toBe(true)
    expect(existsSync(recordPath())).toBe(false)
  })

  it('ends at once when it is told to', async () => {
    const lease = await leaseSharedPostgres()
    const { server } = await readRecord()
    await stopSharedPostgres()
    expect(isAlive(server)).toBe(false)
    expect(existsSync(join(home, 'test', 'postgres', 'data'))).toBe(false)
    lease.release()
  })
})
