import { spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { findOnPath } from '../process/find-on-path.js'
import { freePort } from '../process/free-port.js'
import { endProcess, identifyProcess, isAlive, type ProcessIdentity } from '../../plain/process-identity.mjs'

/** How to start a Redis of one's own. */
export interface LaunchRedisOptions {
  /** Working folder: append-only files and the log stand here. */
  directory: string
  /** TCP port on 127.0.0.1; a free one by default. */
  port?: number
  /** Required from clients when given; handed over on standard input, so no process list shows it. */
  password?: string
  /** `none` keeps nothing over a restart, `append-only` writes each change to disk. */
  persistence?: 'none' | 'append-only'
  /** The program; by default `redis-server` from PATH. */
  program?: string
  /** Port on 127.0.0.1 of the server that it copies. */
  replicaOfPort?: number
  /** A node of a cluster, which calls a silent other one down after a second. */
  isClusterNode?: boolean
}

/** A Redis that this process started. */
export interface RunningRedis {
  url: string
  port: number
  identity: ProcessIdentity
  stop(signal?: NodeJS.Signals): Promise<void>
}

/** Starts a Redis that never evicts (queues are not a cache), in a process group of its own. */
export async function launchRedis(options: LaunchRedisOptions): Promise<RunningRedis> {
  const program = options.program ?? findOnPath('redis-server')
  if (program === undefined)
    throw new Error(
      'redis-server is not on PATH; install the package "redis-server" (Debian), "redis" (Alpine, Fedora, Homebrew), or set REDIS_URL',
    )
  await mkdir(options.directory, { recursive: true })
  const port = options.port ?? (await freePort())
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    'daemonize no',
    'save ""',
    `appendonly ${options.persistence === 'append-only' ? 'yes' : 'no'}`,
    'maxmemory-policy noeviction',
    `dir "${options.directory}"`,
    ...(options.password === undefined ? [] : [`requirepass ${options.password}`]),
    ...(options.replicaOfPort === undefined ? [] : [`replicaof 127.0.0.1 ${options.replicaOfPort}`]),
    ...(options.isClusterNode === true ? ['cluster-enabled yes', 'cluster-config-file nodes.conf', 'cluster-node-timeout 1000'] : []),
  ]
  const logPath = join(options.directory, 'redis.log')
  const identity = await spawnRedis(program, ['-'], logPath, `${lines.join('\n')}\n`)
  const url = `redis://${options.password === undefined ? '' : `:${encodeURIComponent(options.password)}@`}127.0.0.1:${port}`
  try {
    await waitForRedis(url, identity, logPath)
  } catch (error) {
    await endProcess(identity, 'SIGTERM')
    throw error
  }
  return { url, port, identity, stop: (signal = 'SIGTERM') => endProcess(identity, signal, 10_000) }
}

/** Starts the program in a process group of its own, its output in a log; the configuration goes in on standard input. */
export async function spawnRedis(program: string, args: string[], logPath: string, configuration: string): Promise<ProcessIdentity> {
  const log = openSync(logPath, 'a', 0o600)
  const child = spawn(program, args, { detached: true, cwd: '/', stdio: ['pipe', log, log] })
  closeSync(log)
  await new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject))
  const identity = identifyProcess(child.pid)
  child.stdin?.end(configuration)
  child.unref()
  return identity
}

/** Runs one command on a server over a connection of its own. */
export async function withRedis<T>(url: string, work: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: 0, retryStrategy: () => null, connectTimeout: 2_000 })
  // The command's own rejection carries the reason; without a listener ioredis prints it as well.
  client.on('error', () => undefined)
  try {
    await client.connect()
    return await work(client)
  } finally {
    client.disconnect()
  }
}

/** Waits until this process answers at the address. Throws with the end of its log when it died or 20 seconds are over. */
export async function waitForRedis(url: string, identity: ProcessIdentity, logPath: string): Promise<void> {
  const deadline = Date.now() + 20_000
  for (;;) {
    try {
      // Another server may hold the port: the one that answers must be ours.
      const information = await withRedis(url, (client) => client.info('server'))
      if (information.includes(`process_id:${identity.pid}\r`)) return
      throw new Error('another Redis answers on this port')
    } catch (cause) {
      if (!isAlive(identity) || Date.now() > deadline) {
        throw new Error(`Redis did not start:\n${readFileSync(logPath, 'utf8').trimEnd().split('\n').slice(-5).join('\n')}`, { cause })
      }
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
}
