import { lookup as dnsLookup, type LookupAddress } from 'node:dns'
import http from 'node:http'
import https from 'node:https'
import { connect as netConnect, isIP, type LookupFunction, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as tlsConnect, rootCertificates, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { isInternalAddress, parseAddressRanges, type AddressRanges } from '@pharos/address-policy'
import { printable, problemOfFailure, registryProblem } from './registry-problem.js'
import { isHostListed, type RegistryEndpoint } from './registry-policy.js'

/** Resolves a name to all its addresses; replaced in tests. */
export type ResolveName = (hostname: string) => Promise<LookupAddress[]>

/** What the agents need to know beside the endpoint. */
export interface DiallerOptions {
  connectMs: number
  proxyUrl?: string | undefined
  resolveName?: ResolveName | undefined
}

/** The two agents that make every connection on behalf of one registry. */
export interface Dialler {
  httpAgent: http.Agent
  httpsAgent: https.Agent
  close(): void
}

type ConnectCallback = (error: Error | null, socket?: Duplex) => void
interface ConnectRequest {
  host: string
  port: number
  options: ConnectionOptions
}

const resolveAll: ResolveName = (hostname) =>
  new Promise((resolve, reject) => {
    dnsLookup(hostname, { all: true, verbatim: true }, (error, addresses) => {
      if (error === null) resolve(addresses)
      else reject(error)
    })
  })

function forbidden(host: string, address: string): Error {
  return registryProblem(
    'registry-address-forbidden',
    host === address
      ? `The address ${printable(address)} is internal and not allowed for this registry.`
      : `${printable(host)} resolves to ${printable(address)}, which is internal and not allowed for this registry.`,
  )
}

/** Decides at dial time, on the resolved address: a check before the look-up could be undone by a second answer (DNS rebinding). */
class AddressGate {
  private readonly allowed: AddressRanges

  constructor(
    private readonly at: RegistryEndpoint,
    private readonly resolveName: ResolveName,
  ) {
    this.allowed = parseAddressRanges(at.policy.allowedAddresses)
  }

  /** Whether internal addresses are open for this host on behalf of this registry. */
  private isInternalOpen(host: string, port: number): boolean {
    if (!this.at.policy.allowInternal) return false
    const bracketed = isIP(host) === 6 ? `[${host}]` : host
    const own = new URL(this.at.origin)
    const named = [own, ...['http', 'https'].map((scheme) => new URL(`${scheme}://${bracketed}:${port}`))]
    const [first, ...candidates] = named
    return candidates.some(
      (candidate) =>
        candidate.host === first?.host ||
        isHostListed(candidate, this.at.policy.tokenHosts) ||
        isHostListed(candidate, this.at.policy.redirectHosts),
    )
  }

  isAllowed(host: string, port: number, address: string): boolean {
    return !isInternalAddress(address) || this.isInternalOpen(host, port) || this.allowed.has(address)
  }

  /** The look-up of a connection: answers only addresses that are allowed. */
  lookupFor(port: number): LookupFunction {
    return (hostname, options, callback) => {
      this.resolveName(hostname).then(
        (addresses) => {
          const usable = addresses.filter((entry) => this.isAllowed(hostname, port, entry.address))
          const [first] = usable
          if (first === undefined) callback(forbidden(hostname, addresses[0]?.address ?? 'nothing'), '', 0)
          else if (options.all === true) callback(null, usable)
          else callback(null, first.address, first.family)
        },
        (error: unknown) => callback(error instanceof Error ? error : new Error('look-up failed'), '', 0),
      )
    }
  }
}

/** Calls back once, with the first of: ready, error, time-out. */
function whenConnected(
  socket: Socket,
  readyEvent: 'connect' | 'secureConnect',
  host: string,
  connectMs: number,
  callback: ConnectCallback,
): void {
  const timer = setTimeout(() => {
    socket.destroy(registryProblem('registry-timeout', `${printable(host)} did not accept a connection within ${connectMs} ms.`))
  }, connectMs)
  const settle = (error: Error | null): void => {
    clearTimeout(timer)
    socket.off('error', settle)
    socket.off(readyEvent, ready)
    if (error === null) callback(null, socket)
    else callback(problemOfFailure(error, host))
  }
  const ready = (): void => settle(null)
  socket.on('error', settle)
  socket.on(readyEvent, ready)
}

function proxyTunnel(proxy: URL, target: string, connectMs: number, callback: ConnectCallback): void {
  const authorization =
    proxy.username === ''
      ? {}
      : {
          'proxy-authorization': `Basic ${Buffer.from(`${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`).toString('base64')}`,
        }
  const transport = proxy.protocol === 'https:' ? https : http
  const request = transport.request({
    host: proxy.hostname.replace(/^\[|\]$/g, ''),
    port: proxy.port === '' ? (proxy.protocol === 'https:' ? 443 : 80) : Number(proxy.port),
    method: 'CONNECT',
    path: target,
    headers: { host: target, ...authorization },
    agent: false,
  })
  const timer = setTimeout(
    () => request.destroy(registryProblem('registry-timeout', `The proxy did not connect to ${printable(target)} within ${connectMs} ms.`)),
    connectMs,
  )
  let isSettled = false
  const settle: ConnectCallback = (error, socket) => {
    if (isSettled) return
    isSettled = true
    clearTimeout(timer)
    callback(error, socket)
  }
  request.on('connect', (response, socket) => {
    if (response.statusCode === 200) {
      settle(null, socket)
      return
    }
    socket.destroy()
    settle(
      registryProblem('registry-unreachable', `The proxy answered ${response.statusCode ?? 0} to the connection to ${printable(target)}.`),
    )
  })
  request.on('response', (response) => {
    response.destroy()
    settle(
      registryProblem('registry-unreachable', `The proxy answered ${response.statusCode ?? 0} to the connection to ${printable(target)}.`),
    )
  })
  request.on('error', (error) => settle(problemOfFailure(error, proxy.host)))
  request.end()
}

/** Opens TCP to the target, straight or through the proxy; the gate has its say in both cases. */
function dial(gate: AddressGate, dialler: DiallerOptions, { host, port }: ConnectRequest, callback: ConnectCallback): void {
  if (isIP(host) !== 0 && !gate.isAllowed(host, port, host)) {
    callback(forbidden(host, host))
    return
  }
  if (dialler.proxyUrl !== undefined) {
    // The proxy resolves the name, so it is the one to refuse internal addresses; the name of this machine is refused here.
    if (/^(.+\.)?localhost\.?$/i.test(host) && !gate.isAllowed(host, port, '127.0.0.1')) {
      callback(forbidden(host, '127.0.0.1'))
      return
    }
    proxyTunnel(new URL(dialler.proxyUrl), `${isIP(host) === 6 ? `[${host}]` : host}:${port}`, dialler.connectMs, callback)
    return
  }
  const socket = netConnect({ host, port, lookup: gate.lookupFor(port), noDelay: true })
  whenConnected(socket, 'connect', host, dialler.connectMs, callback)
}

function startTls(
  at: RegistryEndpoint,
  socket: Duplex,
  { host, port, options }: ConnectRequest,
  connectMs: number,
  callback: ConnectCallback,
): void {
  const isOwnHost = new URL(`https://${isIP(host) === 6 ? `[${host}]` : host}:${port}`).host === new URL(at.origin).host
  const secure: TLSSocket = tlsConnect({
    socket,
    ...(isIP(host) === 0 ? { servername: options.servername ?? host } : { host }),
    ...(at.policy.caPem === undefined ? {} : { ca: [...rootCertificates, at.policy.caPem] }),
    rejectUnauthorized: !(at.policy.insecureSkipTlsVerify && isOwnHost),
    ALPNProtocols: ['http/1.1'],
    minVersion: 'TLSv1.2',
  })
  whenConnected(secure, 'secureConnect', host, connectMs, callback)
}

function connectRequest(options: object): ConnectRequest {
  const given = options as { host?: string | null; port?: number | string | null } & ConnectionOptions
  return { host: (given.host ?? '').replace(/^\[|\]$/g, ''), port: Number(given.port ?? 0), options: given }
}

/**
 * Makes the agents of one registry. They check the address of every connection when it is made, whoever named it: the
 * reference, a redirect or a token realm; and they do not look at proxy variables of the environment.
 */
export function createDialler(at: RegistryEndpoint, options: DiallerOptions): Dialler {
  const gate = new AddressGate(at, options.resolveName ?? resolveAll)
  const agentOptions = { keepAlive: true, maxSockets: 16, maxFreeSockets: 4, scheduling: 'lifo' as const }
  const httpAgent = new http.Agent(agentOptions)
  const httpsAgent = new https.Agent(agentOptions)
  Object.assign(httpAgent, {
    createConnection: (request: object, callback: ConnectCallback) => {
      dial(gate, options, connectRequest(request), callback)
    },
  })
  Object.assign(httpsAgent, {
    createConnection: (request: object, callback: ConnectCallback) => {
      const wanted = connectRequest(request)
      dial(gate, options, wanted, (error, socket) => {
        if (error !== null || socket === undefined) callback(error)
        else startTls(at, socket, wanted, options.connectMs, callback)
      })
    },
  })
  return {
    httpAgent,
    httpsAgent,
    close: () => {
      httpAgent.destroy()
      httpsAgent.destroy()
    },
  }
}
