import { MessageChannel, type MessagePort } from 'node:worker_threads'
import type { HttpOptions } from './http-options.js'

/** One worker's line to the network. */
export interface GateConnection {
  forWorker: { port: MessagePort; signal: SharedArrayBuffer }
  close(): void
}

/** Sends the requests of scripts, as far as the allow-list holds them. */
export interface HttpGate {
  open(): GateConnection
}

/** A worker posts a request and sleeps; whoever answers posts the answer and wakes it. */
export function openConnection(answer: (request: Uint8Array) => Promise<Uint8Array>): GateConnection {
  const { port1, port2 } = new MessageChannel()
  const signal = new SharedArrayBuffer(4)
  const flag = new Int32Array(signal)
  port1.on('message', (request: Uint8Array) => {
    void answer(request).then((response) => {
      port1.postMessage(response)
      Atomics.store(flag, 0, 1)
      Atomics.notify(flag, 0)
    })
  })
  port1.unref()
  return { forWorker: { port: port2, signal }, close: () => port1.close() }
}

/** For now no request is answered. */
export function createHttpGate(_options: HttpOptions): HttpGate {
  const refusal = new TextEncoder().encode(JSON.stringify({ error: 'no network for this script' }))
  return { open: () => openConnection(() => Promise.resolve(refusal)) }
}
