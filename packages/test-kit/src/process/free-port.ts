import { randomInt } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'

/** Below it stand the ports that well-known services use by default. */
const lowestPort = 12_000
const attempts = 200
/** Given to somebody in this process before, who may not listen yet, or not at the moment. */
const given = new Set<number>()

/**
 * A TCP port on 127.0.0.1 that nobody listens on, chosen by chance from below those that the operating system gives to outgoing
 * connections: one of these could be the near end of somebody's connection before the caller, or a server that restarts, listens on it.
 */
export async function freePort(): Promise<number> {
  const end = firstOutgoingPort()
  for (let attempt = 0; attempt < attempts && end > lowestPort + 1_000; attempt++) {
    const port = randomInt(lowestPort, end)
    if (given.has(port) || !(await canListen(port))) continue
    given.add(port)
    return port
  }
  return listenOnce(0)
}

function firstOutgoingPort(): number {
  try {
    return Number(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').trim().split(/\s+/)[0])
  } catch {
    // Not Linux; others begin at 49152, as IANA asks.
    return 49_152
  }
}

async function canListen(port: number): Promise<boolean> {
  return listenOnce(port).then(
    () => true,
    () => false,
  )
}

async function listenOnce(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => {
        if (address === null || typeof address === 'string') reject(new Error('the operating system named no port'))
        else resolve(address.port)
      })
    })
  })
}
