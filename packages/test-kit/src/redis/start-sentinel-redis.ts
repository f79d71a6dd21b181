import { randomBytes } from 'node:crypto'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { endProcess, waitUntil } from '../../plain/process-identity.mjs'
import { testHome } from '../paths.js'
import { endOrphans, registerChild } from '../process/child-register.js'
import { findOnPath } from '../process/find-on-path.js'
import { freePort } from '../process/free-port.js'
import { launchRedis, spawnRedis, waitForRedis, withRedis, type RunningRedis } from './redis-server.js'

/** A Redis with a replica, and a Sentinel that watches both. */
export interface SentinelRedis {
  /** `redis-sentinel://host:port/MASTER`. */
  url: string
  /** Ends the server that is the master now with SIGKILL; the Sentinel promotes the other one within seconds. */
  killMaster(): Promise<void>
  /** Port of the master as the Sentinel knows it. */
  masterPort(): Promise<number>
  close(): Promise<void>
}

const masterName = 'pharos-test'

/** Starts a master, its replica and one Sentinel (quorum 1) that calls a silent master down after half a second. */
export async function startSentinelRedis(): Promise<SentinelRedis> {
  await endOrphans()
  const home = await testHome('redis', randomBytes(6).toString('hex'))
  const servers = new Map<number, RunningRedis>()
  const launch = async (name: string, replicaOfPort?: number): Promise<RunningRedis> => {
    const directory = join(home, name)
    const server = await launchRedis({ directory, ...(replicaOfPort === undefined ? {} : { replicaOfPort }) })
    registerChild(server.identity.pid, directory)
    servers.set(server.port, server)
    return server
  }
  const first = await launch('first')
  const second = await launch('second', first.port)
  await waitForReplica(first.url)
  const sentinel = await launchSentinel(home, first.port)
  const masterPort = async (): Promise<number> => {
    const found = await withRedis(sentinel.url, (client) => client.call('SENTINEL', 'get-master-addr-by-name', masterName))
    return Number((found as string[] | null)?.[1])
  }
  await requireThat('the Sentinel knows the replica', async () => {
    const found = await withRedis(sentinel.url, (client) => client.call('SENTINEL', 'replicas', masterName))
    return JSON.stringify(found).includes(String(second.port))
  })
  return {
    url: `redis-sentinel://127.0.0.1:${sentinel.port}/${masterName}`,
    masterPort,
    killMaster: async () => {
      await servers.get(await masterPort())?.stop('SIGKILL')
    },
    close: async () => {
      await endProcess(sentinel.identity, 'SIGKILL')
      for (const server of servers.values()) await server.stop('SIGKILL')
      await rm(home, { recursive: true, force: true })
    },
  }
}

async function launchSentinel(home: string, masterPort: number) {
  const program = findOnPath('redis-server')
  if (program === undefined) throw new Error('redis-server is not on PATH')
  const port = await freePort()
  // A Sentinel keeps its state in its configuration file and refuses one that it cannot write.
  const configuration = join(home, 'sentinel.conf')
  await writeFile(
    configuration,
    [
      `port ${port}`,
      'bind 127.0.0.1',
      `dir "${home}"`,
      `sentinel monitor ${masterName} 127.0.0.1 ${masterPort} 1`,
      `sentinel down-after-milliseconds ${masterName} 500`,
      `sentinel failover-timeout ${masterName} 3000`,
      '',
    ].join('\n'),
  )
  const logPath = join(home, 'sentinel.log')
  const identity = await spawnRedis(program, [configuration, '--sentinel'], logPath, '')
  registerChild(identity.pid, home)
  const url = `redis://127.0.0.1:${port}`
  await waitForRedis(url, identity, logPath)
  return { port, url, identity }
}

async function waitForReplica(url: string): Promise<void> {
  await requireThat('the replica is in step', async () =>
    (await withRedis(url, (client) => client.info('replication'))).includes('state=online'),
  )
}

async function requireThat(what: string, isSo: () => Promise<boolean>): Promise<void> {
  if (!(await waitUntil(isSo, 20_000, 50))) throw new Error(`waited in vain: ${what}`)
}
