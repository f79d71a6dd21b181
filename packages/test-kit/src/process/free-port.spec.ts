import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { describe, expect, it } from 'vitest'
import { freePort } from './free-port.js'

describe('freePort', () => {
  it('never gives the same port twice, nor one that an outgoing connection may get', async () => {
    const ports = await Promise.all(Array.from({ length: 200 }, freePort))
    expect(new Set(ports).size).toBe(200)
    const firstOutgoing =
      process.platform === 'linux' ? Number(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split('\t')[0]) : 49_152
    if (firstOutgoing > 13_000) for (const port of ports) expect(port).toBeLessThan(firstOutgoing)
  })

  it('gives a port to listen on', async () => {
    const port = await freePort()
    const server = createServer()
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve))
    expect(server.address()).toMatchObject({ port })
    await new Promise((resolve) => server.close(resolve))
  })
})
