import type { ServerResponse } from 'node:http'
import type { RegistryFault } from './registry-fault.js'

/**
 * Does to an answer what the fault says. Returns the response when the true answer still goes out, bent on its way,
 * and nothing when the fault was the whole answer.
 */
export function applyFault(fault: Exclude<RegistryFault, { kind: 'hold' }>, response: ServerResponse): ServerResponse | undefined {
  switch (fault.kind) {
    case 'hang':
      return undefined
    case 'reset':
      response.destroy()
      return undefined
    case 'status':
      response.writeHead(fault.status, {
        'content-type': 'application/json',
        ...(fault.retryAfter === undefined ? {} : { 'retry-after': fault.retryAfter }),
      })
      response.end(
        fault.body ?? JSON.stringify({ errors: [{ code: fault.status === 429 ? 'TOOMANYREQUESTS' : 'UNKNOWN', message: 'made to fail' }] }),
      )
      return undefined
    case 'garbage':
      response.writeHead(200, { 'content-type': 'text/html' })
      response.end(fault.body ?? '<html><body>Sign in to the hotel network</body></html>')
      return undefined
    case 'redirect':
      response.writeHead(fault.status ?? 307, { location: fault.location })
      response.end()
      return undefined
    case 'token-realm':
      response.writeHead(401, { 'www-authenticate': `Bearer realm="${fault.realm}",service="${fault.service ?? 'pharos-test-registry'}"` })
      response.end()
      return undefined
    case 'truncate':
      return bendBody(response, (whole) => {
        // Ended and not reset: a reset may overtake what was sent, and the client would not see a part of the content.
        response.write(whole.subarray(0, fault.afterBytes), () => response.socket?.end())
      })
    case 'corrupt':
      return bendBody(response, (whole) => {
        const bytes = Buffer.from(whole)
        const middle = Math.floor(bytes.length / 2)
        if (bytes.length > 0) bytes[middle] = (bytes[middle] ?? 0) ^ 0xff
        response.end(bytes)
      })
    case 'drip':
      return bendBody(response, (whole) => drip(response, whole, fault.intervalMs))
  }
}

/** Collects the true body behind the response's back, and lets `send` put another one on the wire. */
function bendBody(response: ServerResponse, send: (whole: Buffer) => void): ServerResponse {
  const chunks: Buffer[] = []
  return new Proxy(response, {
    get(target, name) {
      if (name === 'write') {
        return (chunk: Buffer) => {
          chunks.push(Buffer.from(chunk))
          return true
        }
      }
      if (name === 'end') {
        return (chunk?: Buffer | string | (() => void)) => {
          if (chunk !== undefined && typeof chunk !== 'function') chunks.push(Buffer.from(chunk))
          send(Buffer.concat(chunks))
          return target
        }
      }
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? (value as (...values: unknown[]) => unknown).bind(target) : value
    },
  })
}

function drip(response: ServerResponse, whole: Buffer, intervalMs: number): void {
  let offset = 0
  const timer = setInterval(() => {
    if (offset >= whole.length) {
      clearInterval(timer)
      response.end()
      return
    }
    response.write(whole.subarray(offset, offset + 1))
    offset += 1
  }, intervalMs)
  response.once('close', () => clearInterval(timer))
}
