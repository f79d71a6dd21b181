import axios from 'axios'
import type { RedisClient } from '../queues/redis-connection.js'
import type { HealthCheck } from './health-registry.js'

/** Redis answers PING. */
export function redisHealth(redis: RedisClient): HealthCheck {
  return async () => {
    await redis.ping()
  }
}

/** Another service answers `GET <baseUrl>/healthz` with 2xx: its liveness, so that unreadiness does not spread through the house. */
export function httpHealth(baseUrl: string, path = '/healthz'): HealthCheck {
  return async (signal) => {
    await axios.get(`${baseUrl.replace(/\/+$/, '')}${path}`, {
      signal,
      maxRedirects: 0,
      responseType: 'text',
      maxContentLength: 64 * 1024,
      proxy: false,
    })
  }
}
