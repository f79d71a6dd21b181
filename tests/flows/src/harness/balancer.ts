import { connect, createServer, type Socket } from 'node:net'

/** Spreads connections over replicas in turn; a replica that refuses one is passed over. */
export interface Balancer {
  port: number
  close(): Promise<void>
}

/** Starts a balancer in front of services on 127.0.0.1, as a Kubernetes service stands in front of its pods. */
export async function startBalancer(upstreamPorts: readonly number[]): Promise<Balancer> {
  const open = new Set<Socket>()
  let turn = 0
  const server = createServer((client) => {
    track(open, client)
    turn += 1
    join(open, client, rotate(upstreamPorts, turn))
  })
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the balancer has no port')
  return {
    port: address.port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of open) socket.destroy()
      }),
  }
}

function join(open: Set<Socket>, client: Socket, ports: readonly number[]): void {
  const [port, ...others] = ports
  if (port === undefined) {
    client.destroy()
    return
  }
  const upstream = connect(port, '127.0.0.1')
  track(open, upstream)
  let isJoined = false
  upstream.once('connect', () => {
    isJoined = true
    client.pipe(upstream).pipe(client)
  })
  upstream.once('close', () => {
    if (isJoined) client.destroy()
    else join(open, client, others)
  })
  client.once('close', () => upstream.destroy())
}

function track(open: Set<Socket>, socket: Socket): void {
  open.add(socket)
  socket.once('close', () => open.delete(socket))
  // A peer that is killed resets its connections; 'close' follows and is what counts.
  socket.on('error', () => undefined)
}

function rotate(ports: readonly number[], turn: number): number[] {
  const at = turn % ports.length
  return [...ports.slice(at), ...ports.slice(0, at)]
}
