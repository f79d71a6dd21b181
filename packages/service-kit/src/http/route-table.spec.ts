import { describe, expect, it } from 'vitest'
import { RouteTable } from './route-table.js'

const table = new RouteTable()
table.add('GET', '/scans')
table.add('POST', '/scans')
table.add('GET', '/scans/:id')
table.add('DELETE', '/scans/:id')
table.add('POST', '/scans::batch')
table.add('POST', '/scans/:id([^:/]+)::replay')
table.add('GET', '/docs/*')

describe('RouteTable', () => {
  it.each([
    { path: '/scans', methods: ['GET', 'POST'] },
    { path: '/scans/', methods: ['GET', 'POST'] },
    { path: '/scans/7', methods: ['DELETE', 'GET'] },
    { path: '/scans:batch', methods: ['POST'] },
    { path: '/scans/7:replay', methods: ['DELETE', 'GET', 'POST'] },
    { path: '/docs/a/b.css', methods: ['GET'] },
    { path: '/scans/7/x', methods: [] },
    { path: '/other', methods: [] },
  ])('serves $methods at $path', ({ path, methods }) => {
    expect(table.methodsAt(path)).toEqual(methods)
  })
})
