import { type RouteDefinition, routes } from '@pharos/contracts'
import { describe, expect, it } from 'vitest'
import { RouteTable } from './route-table.js'

const table = new RouteTable(routes)
const digest = `sha256:${'a'.repeat(64)}`

describe('the route table', () => {
  it.each([
    ['a plain path', 'POST', '/scans', 'submitScan', {}],
    ['an action on a collection', 'POST', '/scans:batch', 'submitBatch', {}],
    ['an action on a member', 'POST', '/cohorts/nightly:pause', 'pauseCohort', { cohort: 'nightly' }],
    ['a digest with its colon', 'GET', `/images/${digest}/findings`, 'listFindings', { digest }],
    ['an encoded digest', 'GET', `/images/${encodeURIComponent(digest)}`, 'getImage', { digest }],
    ['a registry with a port', 'PUT', '/registries/registry.example:5000', 'putRegistry', { host: 'registry.example:5000' }],
  ])('finds %s', (_sentence, method, path, operation, params) => {
    const match = table.match(method, path)
    expect(match).toMatchObject({ kind: 'found', route: { operation }, params })
  })

  it.each([
    ['an unknown path', 'GET', '/nothing'],
    ['a path with a slash too many', 'GET', '/scans/'],
    ['a stray percent sign', 'GET', '/scans/%E0%A4%A'],
  ])('does not find %s', (_sentence, method, path) => {
    expect(table.match(method, path)).toEqual({ kind: 'not-found' })
  })

  it('names the methods that a path does take', () => {
    expect(table.match('PUT', '/scans')).toEqual({ kind: 'method-not-allowed', allowed: expect.arrayContaining(['GET', 'POST']) })
  })

  it('reaches every route of the contract', () => {
    for (const route of routes as readonly RouteDefinition[]) {
      const path = route.path.replace(/\{\w+\}/g, 'x')
      expect(table.match(route.method, path)).toMatchObject({ kind: 'found', route: { operation: route.operation } })
    }
  })
})
