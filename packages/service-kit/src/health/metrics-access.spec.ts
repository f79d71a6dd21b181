import type { FastifyRequest } from 'fastify'
import { describe, expect, it } from 'vitest'
import { metricsRefusal } from './metrics-access.js'

function scrape(remoteAddress: string, headers: Record<string, string> = {}): FastifyRequest {
  return { headers, socket: { remoteAddress } } as unknown as FastifyRequest
}

describe('without a token, the metrics', () => {
  it.each(['127.0.0.1', '::1', '::ffff:127.0.0.1'])('are read from %s', (address) => {
    expect(metricsRefusal(scrape(address), undefined)).toBeNull()
  })

  it.each([
    ['from another machine', scrape('10.0.0.7')],
    ['through a proxy on this machine', scrape('127.0.0.1', { 'x-forwarded-for': '10.0.0.7' })],
    ['through a proxy that says so by RFC 7239', scrape('127.0.0.1', { forwarded: 'for=10.0.0.7' })],
  ])('are not read %s', (_sentence, request) => {
    expect(metricsRefusal(request, undefined)?.code).toBe('unauthenticated')
  })
})

describe('with a token, the metrics', () => {
  it('are read by who shows it, from anywhere', () => {
    expect(metricsRefusal(scrape('10.0.0.7', { authorization: 'Bearer secret-token' }), 'secret-token')).toBeNull()
  })

  it.each([
    ['nothing', {}],
    ['another token', { authorization: 'Bearer secret-tokem' }],
    ['a part of it', { authorization: 'Bearer secret' }],
  ])('are not read by who shows %s', (_sentence, headers: Record<string, string>) => {
    expect(metricsRefusal(scrape('127.0.0.1', headers), 'secret-token')?.code).toBe('unauthenticated')
  })
})
