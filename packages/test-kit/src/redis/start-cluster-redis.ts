import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { waitUntil } from '../../plain/process-identity.mjs'
import { testHome } from '../paths.js'
import { endOrphans, registerChild } from '../process/child-register.js'
import { freePort } from '../process/free-port.js'
import { launchRedis, withRedis, type RunningRedis } from './redis-server.js'

/** A Redis Cluster of three masters, the one with the given key with a replica. */
export interface ClusterRedis {
  /** `redis-cluster://host:port,host:port,host:port`. */
  url: string
  /** Port of the master that holds a key, as the others know it. */
  masterPortOf(key: string): Promise<number>
  /** Ends that master with SIGKILL; its replica takes its place within seconds. */
  killMasterOf(key: string): Promise<void>
  close(): Promise<void>
}

const slotCount = 16_384
/** Redis adds this to a port for what the nodes say to each other. */
const busOffset = 10_000

/** Starts the cluster; `key` says which master has the replica. */
export async function startClusterRedis(key: string): Promise<ClusterRedis> {
  await endOrphans()
  const home = await testHome('redis', randomBytes(6).toString('hex'))
  const nodes: RunningRedis[] = []
  const launch = async (): Promise<RunningRedis> => {
    const directory = join(home, `node-${nodes.length}`)
    const node = await launchRedis({ directory, port: await portWithBus(), isClusterNode: true })
    registerChild(node.identity.pid, directory)
    nodes.push(node)
    return node
  }
  const close = async (): Promise<void> => {
    for (const node of nodes) await node.stop('SIGKILL')
    await rm(home, { recursive: true, force: true })
  }
  const alive = (): Promise<RunningRedis> => firstThatAnswers(nodes)
  const masterPortOf = async (wanted: string): Promise<number> => portOfSlot(await alive(), wanted)
  try {
    const masters = [await launch(), await launch(), await launch()]
    await share(masters)
    await requireThat('every master knows all slots', () => allOf(masters, isWhole))
    const followed = await masterOf(masters, key)
    await follow(await launch(), followed, masters)
    await requireThat('the replica is in step', async () => (await command(followed, 'INFO', 'replication')).includes('state=online'))
    await requireThat('every master knows the replica', () =>
      allOf(masters, async (node) => (await command(node, 'CLUSTER', 'NODES')).includes('slave')),
    )
    const url = `redis-cluster://${masters.map(({ port }) => `127.0.0.1:${port}`).join(',')}`
    const killMasterOf = async (wanted: string): Promise<void> => {
      const port = await masterPortOf(wanted)
      await nodes.find((node) => node.port === port)?.stop('SIGKILL')
    }
    return { url, masterPortOf, killMasterOf, close }
  } catch (error) {
    await close()
    throw error
  }
}

async function portWithBus(): Promise<number> {
  for (;;) {
    const port = await freePort()
    // Both below the ports of outgoing connections, where freePort looks.
    if (port + busOffset < 32_768) return port
  }
}

/** Gives each master a third of the slots and makes them known to each other. */
async function share(masters: readonly RunningRedis[]): Promise<void> {
  const first = masters[0]
  if (first === undefined) return
  for (const [index, node] of masters.entries()) {
    const from = Math.ceil((slotCount * index) / masters.length)
    const to = Math.ceil((slotCount * (index + 1)) / masters.length)
    await command(node, 'CLUSTER', 'ADDSLOTS', ...Array.from({ length: to - from }, (_, offset) => String(from + offset)))
    await command(node, 'CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1))
  }
  for (const node of masters.slice(1)) await command(node, 'CLUSTER', 'MEET', '127.0.0.1', String(first.port))
}

async function follow(replica: RunningRedis, master: RunningRedis, known: readonly RunningRedis[]): Promise<void> {
  const id = (await command(master, 'CLUSTER', 'MYID')).trim()
  for (const node of known) await command(replica, 'CLUSTER', 'MEET', '127.0.0.1', String(node.port))
  await requireThat('the replica knows its master', async () => (await command(replica, 'CLUSTER', 'NODES')).includes(id))
  await requireThat('the replica is accepted', () =>
    command(replica, 'CLUSTER', 'REPLICATE', id).then(
      () => true,
      () => false,
    ),
  )
}

async function isWhole(node: RunningRedis): Promise<boolean> {
  const information = await command(node, 'CLUSTER', 'INFO')
  return information.includes('cluster_state:ok') && information.includes('cluster_known_nodes:3')
}

async function masterOf(masters: readonly RunningRedis[], key: string): Promise<RunningRedis> {
  const port = await portOfSlot(await firstThatAnswers(masters), key)
  const found = masters.find((node) => node.port === port)
  if (found === undefined) throw new Error(`no master holds the key ${key}`)
  return found
}

async function portOfSlot(node: RunningRedis, key: string): Promise<number> {
  return withRedis(node.url, async (client) => {
    const slot = Number(await client.call('CLUSTER', 'KEYSLOT', key))
    const ranges = (await client.call('CLUSTER', 'SLOTS')) as [number, number, [string, number, string]][]
    return ranges.find(([from, to]) => from <= slot && slot <= to)?.[2][1] ?? 0
  })
}

async function firstThatAnswers(nodes: readonly RunningRedis[]): Promise<RunningRedis> {
  for (const node of nodes) {
    const isThere = await command(node, 'PING').then(
      () => true,
      () => false,
    )
    if (isThere) return node
  }
  throw new Error('no node of the cluster answers')
}

async function command(node: RunningRedis, name: string, ...args: string[]): Promise<string> {
  return withRedis(node.url, async (client) => String(await client.call(name, ...args)))
}

async function allOf(nodes: readonly RunningRedis[], isSo: (node: RunningRedis) => Promise<boolean>): Promise<boolean> {
  return (await Promise.all(nodes.map(isSo))).every(Boolean)
}

async function requireThat(what: string, isSo: () => Promise<boolean>): Promise<void> {
  if (!(await waitUntil(isSo, 60_000, 50))) throw new Error(`waited in vain: ${what}`)
}
