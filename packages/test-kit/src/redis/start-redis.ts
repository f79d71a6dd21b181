import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { testHome } from '../paths.js'
import { endOrphans, registerChild } from '../process/child-register.js'
import { freePort } from '../process/free-port.js'
import { launchRedis, withRedis, type LaunchRedisOptions, type RunningRedis } from './redis-server.js'

/** A Redis for tests. */
export interface TestRedis {
  url: string
  /** `existing` when `REDIS_URL` names it: then only `flush` and `close` work. */
  kind: 'private' | 'existing'
  /** Removes every key of the database, as after a failover that lost its data. */
  flush(): Promise<void>
  /** Ends it with SIGKILL; clients see a broken connection. */
  kill(): Promise<void>
  /** Starts it again on the same port; without persistence it is empty. */
  restart(): Promise<void>
  close(): Promise<void>
}

/** Options of {@link startRedis}. */
export interface StartRedisOptions {
  persistence?: LaunchRedisOptions['persistence']
  /** Always start a process of one's own, also when `REDIS_URL` is set: for tests that kill it. */
  isPrivate?: boolean
}

/** A real Redis for one test file; with `REDIS_URL` set, a numbered database of that server. */
export async function startRedis(options: StartRedisOptions = {}, environment: NodeJS.ProcessEnv = process.env): Promise<TestRedis> {
  const existingUrl = environment.REDIS_URL
  return existingUrl && !options.isPrivate ? useExisting(existingUrl, environment) : startPrivate(options)
}

async function useExisting(existingUrl: string, environment: NodeJS.ProcessEnv): Promise<TestRedis> {
  const url = new URL(existingUrl)
  // Test files that run side by side must not see each other's queues; a server has 16 databases by default.
  if (url.pathname === '' || url.pathname === '/') url.pathname = `/${1 + (Number(environment.VITEST_POOL_ID ?? 0) % 15)}`
  const flush = async (): Promise<void> => {
    await withRedis(url.href, (client) => client.flushdb())
  }
  const refuse = (): Promise<never> => Promise.reject(new Error('a Redis named by REDIS_URL cannot be killed; ask for a private one'))
  await flush()
  return { url: url.href, kind: 'existing', flush, kill: refuse, restart: refuse, close: flush }
}

async function startPrivate({ persistence = 'none' }: StartRedisOptions): Promise<TestRedis> {
  await endOrphans()
  const directory = await testHome('redis', randomBytes(6).toString('hex'))
  const port = await freePort()
  let forget: () => void = () => undefined
  const launch = async (): Promise<RunningRedis> => {
    const running = await launchRedis({ directory, persistence, port })
    forget = registerChild(running.identity.pid, directory)
    return running
  }
  let server = await launch()
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    await server.stop(signal)
    forget()
  }
  return {
    url: server.url,
    kind: 'private',
    flush: async () => {
      await withRedis(server.url, (client) => client.flushall())
    },
    kill: () => end('SIGKILL'),
    restart: async () => {
      await end('SIGTERM')
      server = await launch()
    },
    close: async () => {
      await end('SIGKILL')
      await rm(directory, { recursive: true, force: true })
    },
  }
}
