import type { RedisOptions } from 'ioredis'

/**
 * Options of ioredis for a Redis URL: `redis[s]://[user:password@]host[:port][/db]` or
 * `redis[s]-sentinel://[user:password@]host[:port],host[:port]/MASTER[/db]` (the credential is that of Redis and of the Sentinels).
 */
export function redisOptionsFromUrl(url: string): RedisOptions {
  const match = /^(rediss?)(-sentinel)?:\/\/(?:([^@/]*)@)?([^/]+)(?:\/(.*))?$/.exec(url)
  if (match === null) throw new Error('the Redis URL does not parse')
  const [, scheme, sentinel, credential, hosts = '', path = ''] = match
  const [username, ...rest] = (credential ?? '').split(':').map(decodeURIComponent)
  const password = rest.join(':')
  const options: RedisOptions = {
    ...(username === undefined || username === '' ? {} : { username }),
    ...(password === '' ? {} : { password }),
    ...(scheme === 'rediss' ? { tls: {} } : {}),
  }
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
    ...(password === '' ? {} : { sentinelPassword: password }),
    ...(scheme === 'rediss' ? { enableTLSForSentinelMode: true } : {}),
  }
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
