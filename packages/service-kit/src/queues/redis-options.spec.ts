import { describe, expect, it } from 'vitest'
import { redisClusterFromUrl, redisOptionsFromUrl } from './redis-options.js'

describe('redisOptionsFromUrl', () => {
  it.each([
    { url: 'redis://127.0.0.1', options: { host: '127.0.0.1', port: 6379 } },
    { url: 'redis://:p%40ss@h:7000/3', options: { host: 'h', port: 7000, db: 3, password: 'p@ss' } },
    { url: 'rediss://ana:x:y@[::1]:6380/', options: { host: '::1', port: 6380, username: 'ana', password: 'x:y', tls: {} } },
    {
      url: 'redis-sentinel://u:p@a:1,b/main/2',
      options: {
        sentinels: [
          { host: 'a', port: 1 },
          { host: 'b', port: 26379 },
        ],
        name: 'main',
        db: 2,
        username: 'u',
        password: 'p',
        sentinelPassword: 'p',
      },
    },
    {
      url: 'rediss-sentinel://a/main',
      options: { sentinels: [{ host: 'a', port: 26379 }], name: 'main', tls: {}, enableTLSForSentinelMode: true },
    },
  ])('reads $url', ({ url, options }) => {
    expect(redisOptionsFromUrl(url)).toEqual(options)
  })

  it.each(['http://h', 'redis://', 'redis://h:port', 'redis://h/x', 'redis-sentinel://a:1'])('refuses %s without repeating it', (url) => {
    expect(() => redisOptionsFromUrl(url)).toThrow(/Redis URL|Sentinel URL/)
  })
})

describe('redisClusterFromUrl', () => {
  it.each([
    { url: 'redis-cluster://a', cluster: { nodes: [{ host: 'a', port: 6379 }], redisOptions: {} } },
    {
      url: 'rediss-cluster://ana:x@a:1,[::1]:2/',
      cluster: {
        nodes: [
          { host: 'a', port: 1 },
          { host: '::1', port: 2 },
        ],
        redisOptions: { username: 'ana', password: 'x', tls: {} },
      },
    },
    { url: 'redis://a', cluster: undefined },
    { url: 'redis-sentinel://a/main', cluster: undefined },
  ])('reads $url', ({ url, cluster }) => {
    expect(redisClusterFromUrl(url)).toEqual(cluster)
  })

  it.each(['redis-cluster://', 'redis-cluster://a:port', 'redis-cluster://a/1'])('refuses %s without repeating it', (url) => {
    expect(() => redisClusterFromUrl(url)).toThrow(/Redis URL/)
  })
})
