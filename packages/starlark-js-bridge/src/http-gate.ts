import { MessageChannel, type MessagePort } from 'node:worker_threads'
import { HttpAllowList, type WebRequest, type WebResponse } from './http-allow-list.js'
import type { HttpOptions } from './http-options.js'
import { sendRequest, type ResolveName } from './http-request.js'

/** One worker's line to the network. */
export interface GateConnection {
  forWorker: { port: MessagePort; signal: SharedArrayBuffer }
  /** A new job begins: its requests are counted from none. */
  reset(): void
  /** Ends what is under way. */
  close(): void
}

/** Sends the requests of scripts, as far as the allow-list holds them. */
export interface HttpGate {
  open(): GateConnection
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/**
 * Requests of scripts go out from the main thread: the worker posts one, sleeps, and is woken by the answer. So a script has no connection of
 * its own, and a worker that is ended leaves none behind.
 * @throws RangeError when an entry of the allow-list is no address.
 */
export function createHttpGate(options: HttpOptions, resolveName?: ResolveName): HttpGate {
  const allowList = new HttpAllowList(options)
  const { maxRequests = 10 } = options

  async function answer(request: WebRequest, signal: AbortSignal): Promise<WebResponse> {
    const refusal = allowList.refuse(request)
    if (refusal !== undefined) return { error: refusal }
    try {
      return await sendRequest(request, options, signal, resolveName)
    } catch (error) {
      return { error: error instanceof Error ? error.message : String(error) }
    }
  }

  return {
    open: () => {
      const { port1, port2 } = new MessageChannel()
      const signal = new SharedArrayBuffer(4)
      const flag = new Int32Array(signal)
      const ended = new AbortController()
      let count = 0
      const respond = (response: WebResponse): void => {
        port1.postMessage(encoder.encode(JSON.stringify(response)))
        Atomics.store(flag, 0, 1)
        Atomics.notify(flag, 0)
      }
      port1.on('message', (message: Uint8Array) => {
        count++
        if (count > maxRequests) respond({ error: `a script may send ${maxRequests} requests` })
        else void answer(JSON.parse(decoder.decode(message)) as WebRequest, ended.signal).then(respond)
      })
      port1.unref()
      return {
        forWorker: { port: port2, signal },
        reset: () => (count = 0),
        close: () => {
          ended.abort()
          port1.close()
        },
      }
    },
  }
}
