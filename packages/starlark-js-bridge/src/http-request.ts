import { isInternalAddress } from '@pharos/address-policy'
import { lookup as dnsLookup, type LookupAddress } from 'node:dns'
import http from 'node:http'
import https from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import type { WebRequest, WebResponse } from './http-allow-list.js'
import type { HttpOptions } from './http-options.js'

/** Resolves a name to all its addresses; replaced in tests. */
export type ResolveName = (hostname: string) => Promise<LookupAddress[]>

const resolveAll: ResolveName = (hostname) =>
  new Promise((resolve, reject) => {
    dnsLookup(hostname, { all: true, verbatim: true }, (error, addresses) => {
      if (error === null) resolve(addresses)
      else reject(error)
    })
  })

/** Headers that say how a connection is used, or whom it is for: they are the client's own. */
const OWN_HEADERS = new Set([
  'host',
  'connection',
  'content-length',
  'transfer-encoding',
  'upgrade',
  'te',
  'trailer',
  'keep-alive',
  'expect',
  'accept-encoding',
])

/** The look-up of a connection. What it answers is what is dialled, so that a second answer of the name server changes nothing. */
function guardedLookup(isAllowed: (address: string) => boolean, resolveName: ResolveName): LookupFunction {
  return (hostname, options, callback) => {
    resolveName(hostname).then(
      (addresses) => {
        const usable = addresses.filter(({ address }) => isAllowed(address))
        const [first] = usable
        if (first === undefined) callback(new Error(`${hostname} has an internal address`), '', 0)
        else if (options.all === true) callback(null, usable)
        else callback(null, first.address, first.family)
      },
      () => callback(new Error(`${hostname} is not known`), '', 0),
    )
  }
}

function headersOf(request: WebRequest): Record<string, string[]> {
  const headers: Record<string, string[]> = {}
  for (const [name, values] of Object.entries(request.headers ?? {})) if (!OWN_HEADERS.has(name.toLowerCase())) headers[name] = values
  // Bodies are counted as they come, so none may come packed.
  headers['accept-encoding'] = ['identity']
  return headers
}

/**
 * Sends one request and follows no redirect: the engines ask again for where it leads, and each address is checked anew.
 * @throws Error with a message for the script: an internal address, no connection, too slow, too long.
 */
export async function sendRequest(
  request: WebRequest,
  options: HttpOptions,
  ended: AbortSignal,
  resolveName = resolveAll,
): Promise<WebResponse> {
  const { timeoutMs = 3_000, maxBytes = 1024 * 1024, allowInternal = false } = options
  const url = new URL(request.url)
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const isAllowed = (address: string): boolean => allowInternal || !isInternalAddress(address)
  // An address needs no look-up, so that nothing else would see it.
  if (isIP(host) !== 0 && !isAllowed(host)) throw new Error(`${host} is an internal address`)
  const late = new AbortController()
  const timer = setTimeout(() => late.abort(), timeoutMs)
  try {
    return await new Promise<WebResponse>((resolve, reject) => {
      const sent = (url.protocol === 'https:' ? https : http).request(url, {
        method: request.method,
        headers: headersOf(request),
        // A connection of its own: a kept one was checked for another host's sake.
        agent: false,
        lookup: guardedLookup(isAllowed, resolveName),
        signal: AbortSignal.any([late.signal, ended]),
      })
      sent.on('error', (error) => reject(late.signal.aborted ? new Error(`${url.host} did not answer within ${timeoutMs} ms`) : error))
      sent.on('response', (response) => {
        const parts: Buffer[] = []
        let length = 0
        response.on('data', (part: Buffer) => {
          parts.push(part)
          length += part.length
          if (length <= maxBytes) return
          // Told here: when all of it came at once, the end is already on its way.
          reject(new Error(`the answer of ${url.host} is longer than ${maxBytes} bytes`))
          sent.destroy()
        })
        response.on('error', (error) =>
          reject(late.signal.aborted ? new Error(`${url.host} did not answer within ${timeoutMs} ms`) : error),
        )
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headersDistinct as Record<string, string[]>,
            body: Buffer.concat(parts).toString('base64'),
          }),
        )
      })
      sent.end(request.body === undefined ? undefined : Buffer.from(request.body, 'base64'))
    })
  } finally {
    clearTimeout(timer)
  }
}
