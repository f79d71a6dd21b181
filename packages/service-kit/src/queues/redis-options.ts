import type { RedisOptions } from 'ioredis'

/** A Redis Cluster: addresses of some of its nodes, which name the others, and what every connection to a node has. */
export interface RedisClusterAddress {
  readonly nodes: readonly { readonly host: string; readonly port: number }[]
  readonly redisOptions: RedisOptions
}

/** The nodes of `redis[s]-cluster://[user:password@]host[:port],host[:port]`; undefined for every other Redis URL. */
export function redisClusterFromUrl(url: string): RedisClusterAddress | undefined {
  const match = /^(rediss?)-cluster:\/\/(?:([^@/]*)@)?([^/]+)\/?$/.exec(url)
  if (match === null) {
    if (/^rediss?-cluster:/.test(url)) throw new Error('the Redis URL does not parse: a cluster has nodes and no numbered databases')
    return undefined
  }
  const [, scheme, credential, hosts = ''] = match
  return {
    nodes: hosts.split(',').map((address) => splitAddress(address, 6379)),
    redisOptions: { ...credentialOf(credential), ...(scheme === 'rediss' ? { tls: {} } : {}) },
  }
}

/**
 * Options of ioredis for a Redis URL: `redis[s]://[user:password@]host[:port][/db]` or
 * `redis[s]-sentinel://[user:password@]host[:port],host[:port]/MASTER[/db]` (the credential is that of Redis and of the Sentinels).
 */
export function redisOptionsFromUrl(url: string): RedisOptions {
  const match = /^(rediss?)(-sentinel)?:\/\/(?:([^@/]*)@)?([^/]+)(?:\/(.*))?$/.exec(url)
  if (match === null) throw new Error('the Redis URL does not parse')
  const [, scheme, sentinel, credential, hosts = '', path = ''] = match
  const login = credentialOf(credential)
  const options: RedisOptions = { ...login, ...(scheme === 'rediss' ? { tls: {} } : {}) }
  if (sentinel === undefined) {
    const { host, port } = splitAddress(hosts, 6379)
    return { ...options, host, port, ...database(path) }
  }
  const [name, db] = path.split('/')
  if (name === undefined || name === '') throw new Error('a Sentinel URL ends with the name of the master')
  return {
    ...options,
    sentinels: hosts.split(',').map((address) => splitAddress(address, 26379)),
    name,
    ...database(db ?? ''),
    ...(login.password === undefined ? {} : { sentinelPassword: login.password }),
    ...(scheme === 'rediss' ? { enableTLSForSentinelMode: true } : {}),
  }
}

function credentialOf(text: string | undefined): { username?: string; password?: string } {
  const [username, ...rest] = (text ?? '').split(':').map(decodeURIComponent)
  const password = rest.join(':')
  return { ...(username === undefined || username === '' ? {} : { username }), ...(password === '' ? {} : { password }) }
}

function splitAddress(address: string, defaultPort: number): { host: string; port: number } {
  const match = /^(\[[^\]]+\]|[^:]+)(?::(\d+))?$/.exec(address)
  if (match?.[1] === undefined) throw new Error('the Redis URL does not parse: each address is host or host:port')
  return { host: match[1].replace(/^\[|\]$/g, ''), port: match[2] === undefined ? defaultPort : Number(match[2]) }
}

function database(text: string): { db?: number } {
  if (text === '') return {}
  if (!/^\d+$/.test(text)) throw new Error('the Redis URL does not parse: the database is a number')
  return { db: Number(text) }
}
