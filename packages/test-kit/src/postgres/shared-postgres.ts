import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { testHome } from '../paths.js'
import { freePort } from '../process/free-port.js'
import { withLock } from '../../plain/lock-file.mjs'
import { identifyProcess, isAlive, waitUntil, type ProcessIdentity } from '../../plain/process-identity.mjs'
import { preparePostgresCluster } from './postgres-cluster.js'
import { endStalePostgres, postgresArguments, postgresUrl, waitForPostgres } from './postgres-server.js'
import { dropTestDatabases } from './test-database.js'

interface ServerRecord {
  url: string
  server: ProcessIdentity
  keeper: ProcessIdentity
}

/** A lease on the server that all test processes of this machine share. */
export interface PostgresLease {
  url: string
  release(): void
}

/** How long the server outlives its last lease: the next test file takes one within that time, also on a slow machine. */
const defaultLingerMs = 15_000
/** One that was killed first recovers what was written. */
const startLimitMs = 200_000

async function places() {
  const directory = await testHome('postgres')
  const leaseDirectory = join(directory, 'leases')
  await mkdir(leaseDirectory, { recursive: true })
  return {
    directory,
    leaseDirectory,
    recordPath: join(directory, 'server.json'),
    logPath: join(directory, 'server.log'),
    lockPath: join(directory, 'start.lock'),
  }
}

/** Takes a lease on the shared server and starts it when nobody has. It is durable like the real one. */
export async function leaseSharedPostgres({ lingerMs = defaultLingerMs } = {}): Promise<PostgresLease> {
  const { directory, leaseDirectory, recordPath, logPath, lockPath } = await places()
  const self = identifyProcess()
  const leasePath = join(leaseDirectory, `${self.pid}~${self.startedAt}~${randomBytes(4).toString('hex')}`)
  writeFileSync(leasePath, '')
  const release = (): void => rmSync(leasePath, { force: true })
  try {
    const url = await withLock(
      lockPath,
      async () => {
        const running = readServerRecord(recordPath)
        if (running) {
          await waitForPostgres(running.url, () => isAlive(running.server), logPath, startLimitMs)
          return running.url
        }
        return startShared(directory, leaseDirectory, recordPath, logPath, lingerMs)
      },
      startLimitMs,
    )
    return { url, release }
  } catch (error) {
    release()
    throw error
  }
}

/**
 * Ends the shared server now, e.g. at the end of a test run, and removes its data: what thousands of tests left in it takes longer to be
 * written down in good order than a new server takes to start.
 */
export async function stopSharedPostgres(): Promise<void> {
  const { directory, recordPath, lockPath } = await places()
  await withLock(lockPath, async () => {
    if (!existsSync(join(directory, 'initialised'))) return
    const keeper = readServerRecord(recordPath)?.keeper
    const { dataDirectory } = await preparePostgresCluster(directory)
    await endStalePostgres(dataDirectory, 'SIGQUIT')
    // It ends with its server.
    if (keeper) await waitUntil(() => !isAlive(keeper), 20_000)
    await removeData(directory, dataDirectory)
  })
}

async function removeData(directory: string, dataDirectory: string): Promise<void> {
  await rm(join(directory, 'initialised'))
  await rm(dataDirectory, { recursive: true })
}

async function startShared(
  directory: string,
  leaseDirectory: string,
  recordPath: string,
  logPath: string,
  lingerMs: number,
): Promise<string> {
  let cluster = await preparePostgresCluster(directory)
  // A keeper that is just ending its server, or one that was killed and left it behind. To recover what tests wrote takes longer than to begin anew.
  if ((await endStalePostgres(cluster.dataDirectory)) === 'cut-short') {
    await removeData(directory, cluster.dataDirectory)
    cluster = await preparePostgresCluster(directory)
  }
  rmSync(recordPath, { force: true })
  // The log of the server before tells why that one ended.
  if (existsSync(logPath)) renameSync(logPath, `${logPath}.before`)
  const port = await freePort()
  const url = postgresUrl(cluster, port)
  const keeper = spawn(process.execPath, [fileURLToPath(new URL('../../plain/keep-server.mjs', import.meta.url))], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  keeper.stdin.end(
    JSON.stringify({
      command: cluster.postgres,
      args: postgresArguments(cluster, port, { checkpoint_timeout: '30min', max_wal_size: '2GB' }),
      ...cluster.account,
      environment: { PATH: process.env.PATH ?? '', TZ: 'UTC', LC_ALL: 'C' },
      logPath,
      leaseDirectory,
      recordPath,
      record: { url },
      stopSignal: 'SIGINT',
      lingerMs,
    }),
  )
  keeper.unref()
  const hasStarted = await waitUntil(() => existsSync(recordPath) || keeper.exitCode !== null, 60_000)
  if (!hasStarted || keeper.exitCode !== null) throw new Error(`the shared PostgreSQL did not start; see ${logPath}`)
  await waitForPostgres(url, () => keeper.exitCode === null, logPath, startLimitMs)
  await dropTestDatabases(url, 'keep-templates')
  return url
}

function readServerRecord(path: string): ServerRecord | undefined {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  const record = JSON.parse(text) as ServerRecord
  return isAlive(record.keeper) && isAlive(record.server) ? record : undefined
}
