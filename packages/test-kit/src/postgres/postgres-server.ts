import { spawn } from 'node:child_process'
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { freePort } from '../process/free-port.js'
import { endProcess, identifyProcess, isAlive, signalProcess, waitUntil, type ProcessIdentity } from '../../plain/process-identity.mjs'
import { postgresUser, preparePostgresCluster, type PostgresCluster } from './postgres-cluster.js'

/** How to start a server of one's own. */
export interface LaunchPostgresOptions {
  /** Holds the data folder and its password; made when it is missing. */
  directory: string
  /** The server's own log, appended to. */
  logPath: string
  /** TCP port on 127.0.0.1; a free one by default. */
  port?: number
  /** Settings over the durable defaults, e.g. `{ max_connections: '50' }`. */
  settings?: Record<string, string>
}

/** A server that this process started. */
export interface RunningPostgres {
  /** Address of its `postgres` database, with the password. */
  url: string
  port: number
  identity: ProcessIdentity
  /** Ends every session and the server; resolves when it is gone. */
  stop(): Promise<void>
}

/** The command line of a server on a cluster. Durable: fsync, full_page_writes and synchronous_commit stay on. */
export function postgresArguments(cluster: PostgresCluster, port: number, settings: Record<string, string> = {}): string[] {
  const all: Record<string, string> = {
    listen_addresses: '127.0.0.1',
    // No socket file: its path may be longer than the operating system allows, and it would stay behind after a kill.
    unix_socket_directories: '',
    max_connections: '200',
    shared_buffers: '128MB',
    timezone: 'UTC',
    log_timezone: 'UTC',
    ...settings,
  }
  return ['-D', cluster.dataDirectory, '-p', String(port), ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])]
}

/** The address of a database of a local server. */
export function postgresUrl(cluster: PostgresCluster, port: number, database = 'postgres'): string {
  return `postgres://${postgresUser}:${encodeURIComponent(cluster.password)}@127.0.0.1:${port}/${database}`
}

/** Starts a server of one's own, in a process group of its own so that a terminal's Ctrl-C does not end it first. */
export async function launchPostgres(options: LaunchPostgresOptions): Promise<RunningPostgres> {
  const cluster = await preparePostgresCluster(options.directory)
  await endStalePostgres(cluster.dataDirectory)
  const port = options.port ?? (await freePort())
  const log = openSync(options.logPath, 'a', 0o600)
  const child = spawn(cluster.postgres, postgresArguments(cluster, port, options.settings), {
    ...cluster.account,
    cwd: '/',
    detached: true,
    stdio: ['ignore', log, log],
    env: { PATH: process.env.PATH, TZ: 'UTC', LC_ALL: 'C' },
  })
  closeSync(log)
  await new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject))
  const identity = identifyProcess(child.pid)
  const url = postgresUrl(cluster, port)
  try {
    await waitForPostgres(url, () => isAlive(identity), options.logPath)
  } catch (error) {
    await endPostgres(identity, cluster.dataDirectory)
    throw error
  }
  child.unref()
  return { url, port, identity, stop: async () => void (await endPostgres(identity, cluster.dataDirectory)) }
}

/** Waits until a server answers a query; fails with the end of its log when it ended before that. */
export async function waitForPostgres(url: string, isRunning: () => boolean, logPath: string, timeoutMs = 60_000): Promise<void> {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 })
    client.on('error', () => {
      // A server that ends between connect and query reports here too; the query below fails with it.
    })
    try {
      await client.connect()
      await client.query('select 1')
      return
    } catch (cause) {
      if (!isRunning() || Date.now() > deadline) {
        const tail = (await readFile(logPath, 'utf8')).trimEnd().split('\n').slice(-5).join('\n')
        throw new Error(`PostgreSQL did not start:\n${tail}`, { cause })
      }
      await new Promise((resolve) => setTimeout(resolve, 30))
    } finally {
      await client.end()
    }
  }
}

/** How long a server may write what it holds in memory when it is asked to end. */
const shutdownGraceMs = 20_000
const killGraceMs = 60_000

/**
 * Ends a server: orderly with SIGINT, and when that takes too long at once with SIGQUIT, from which the next start recovers. SIGKILL comes
 * last, because it leaves the server's own processes behind: while one of them still writes, no other server starts on the data folder
 * ("shared memory block is still in use").
 */
async function endPostgres(
  identity: ProcessIdentity,
  dataDirectory: string,
  signal: 'SIGINT' | 'SIGQUIT' = 'SIGINT',
): Promise<'orderly' | 'cut-short'> {
  signalProcess(identity, signal)
  const hasEnded = (): boolean => !isAlive(identity) && !isInUse(dataDirectory)
  if (await waitUntil(hasEnded, shutdownGraceMs)) return signal === 'SIGINT' ? 'orderly' : 'cut-short'
  await endProcess(identity, 'SIGQUIT', killGraceMs)
  if (!(await waitUntil(hasEnded, killGraceMs))) throw new Error(`a process of PostgreSQL on ${dataDirectory} does not end`)
  return 'cut-short'
}

/** Whether any process of a server, also one without its postmaster, works in the data folder. */
function isInUse(dataDirectory: string): boolean {
  if (process.platform !== 'linux') return false
  return readdirSync('/proc').some((name) => {
    if (!/^\d+$/.test(name)) return false
    try {
      return readlinkSync(`/proc/${name}/cwd`) === dataDirectory
    } catch {
      // It has ended, or is somebody else's.
      return false
    }
  })
}

/** Ends a server that an earlier, killed run left on a data folder, and what is left of one. */
export async function endStalePostgres(
  dataDirectory: string,
  signal: 'SIGINT' | 'SIGQUIT' = 'SIGINT',
): Promise<'none' | 'orderly' | 'cut-short'> {
  const identity = readPostmaster(dataDirectory)
  if (!identity && !(await waitUntil(() => !isInUse(dataDirectory), killGraceMs)))
    throw new Error(`a process of PostgreSQL on ${dataDirectory} does not end`)
  const end = identity ? await endPostgres(identity, dataDirectory, signal) : 'none'
  // PostgreSQL takes a dead postmaster that nobody has collected yet for a living one.
  await rm(join(dataDirectory, 'postmaster.pid'), { force: true })
  return end
}

function readPostmaster(dataDirectory: string): ProcessIdentity | undefined {
  let pid: number
  try {
    pid = Number(readFileSync(join(dataDirectory, 'postmaster.pid'), 'utf8').split('\n')[0])
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  try {
    const identity = identifyProcess(pid)
    // The pid may belong to another program by now: a postmaster's working folder is its data folder.
    if (process.platform === 'linux' && readlinkSync(`/proc/${pid}/cwd`) !== dataDirectory) return undefined
    return identity
  } catch {
    // No such process: the file outlived its server.
    return undefined
  }
}
