import { describe, expect, it } from 'vitest'
import { HealthRegistry } from './health-registry.js'

describe('readiness', () => {
  it('is ready while all checks are up', async () => {
    const health = new HealthRegistry()
    health.addCheck('redis', async () => {})
    expect(await health.readiness()).toMatchObject({ status: 'ready', checks: [{ name: 'redis', status: 'up' }] })
  })

  it('names what failed and what was late, and keeps the reason for the log', async () => {
    const health = new HealthRegistry()
    let aborted = false
    const broken = new Error('no route')
    health.addCheck('redis', async () => {
      throw broken
    })
    health.addCheck(
      'results',
      (signal) =>
        new Promise(() => {
          signal.addEventListener('abort', () => {
            aborted = true
          })
        }),
      { timeoutMs: 5 },
    )
    health.addCheck('disk', async () => {})
    expect(await health.readiness()).toMatchObject({
      status: 'not-ready',
      checks: [
        { name: 'redis', status: 'down', reason: 'failed' },
        { name: 'results', status: 'down', reason: 'timed-out' },
        { name: 'disk', status: 'up' },
      ],
    })
    expect(health.failureOf('redis')).toBe(broken)
    expect(aborted).toBe(true)
  })

  it('is not ready while draining, whatever the checks say', async () => {
    const health = new HealthRegistry()
    health.startDraining()
    expect(await health.readiness()).toEqual({ status: 'draining', checks: [] })
  })
})
