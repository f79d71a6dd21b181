import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { PreparedImage } from '../oci/image.js'
import { RegistryGate, type RegistryAccess } from './registry-access.js'
import { FaultPlan, type FaultRule } from './registry-fault.js'
import { applyFault } from './apply-fault.js'
import { RegistryRoutes } from './registry-routes.js'
import { RegistryStorage } from './registry-storage.js'

/** How to start a registry. */
export interface StartRegistryOptions {
  access?: RegistryAccess
  /** Serves HTTPS with this key and certificate (PEM). */
  tls?: { key: string; cert: string }
  /** TCP port on 127.0.0.1; a free one by default. */
  port?: number
}

/** One request, as the registry saw it. */
export interface RegistryRequest {
  method: string
  /** Path with query. */
  path: string
  /** The credentials as they were sent. */
  authorization: string | undefined
  range: string | undefined
  status: number
}

/** A registry of the OCI distribution specification in this process, which can be told to misbehave. */
export interface TestRegistry {
  /** `127.0.0.1:<port>`: what stands before the repository in an image reference. */
  host: string
  port: number
  url: string
  /** Every request that was answered or broken off, oldest first. */
  requests: RegistryRequest[]
  /** Stores an image without a push; returns its reference. */
  add(name: string, tag: string, image: PreparedImage): string
  /** Removes a tag or a digest, as a clean-up of the registry does. */
  remove(name: string, reference: string): boolean
  /** Makes requests fail; returns the function that ends it. */
  fail(rule: FaultRule): () => void
  /** Ends all faults and forgets the requests. */
  reset(): void
  close(): Promise<void>
}

/** Starts a registry on 127.0.0.1. */
export async function startRegistry(options: StartRegistryOptions = {}): Promise<TestRegistry> {
  const storage = new RegistryStorage()
  const faults = new FaultPlan()
  const routes = new RegistryRoutes(storage, new RegistryGate(options.access ?? { kind: 'open' }))
  const requests: RegistryRequest[] = []
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    const entry: RegistryRequest = {
      method: request.method ?? 'GET',
      path: request.url ?? '/',
      authorization: request.headers.authorization,
      range: request.headers.range,
      status: 0,
    }
    response.once('close', () => {
      entry.status = response.headersSent ? response.statusCode : 0
      requests.push(entry)
    })
    const fault = faults.strike(`${entry.method} ${entry.path}`)
    const answerWith = (bent: Parameters<typeof applyFault>[0] | undefined): void => {
      const answer = bent ? applyFault(bent, response) : response
      if (!answer) return
      routes.answer(request, answer).catch((error: unknown) => {
        // The client went away in the middle of an answer, or the test's image could not be read.
        response.destroy(error instanceof Error ? error : new Error(String(error)))
      })
    }
    if (fault?.kind !== 'hold') return answerWith(fault)
    fault.onHeld?.()
    void fault.until.then((status) => answerWith(status === undefined ? undefined : { kind: 'status', status }))
  }
  const server = options.tls ? createHttpsServer(options.tls, handle) : createHttpServer(handle)
  await listen(server, options.port ?? 0)
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the registry has no port')
  const host = `127.0.0.1:${address.port}`
  return {
    host,
    port: address.port,
    url: `${options.tls ? 'https' : 'http'}://${host}`,
    requests,
    add: (name, tag, image) => {
      storage.putImage(name, tag, image)
      return `${host}/${name}:${tag}`
    },
    remove: (name, reference) => storage.deleteManifest(name, reference),
    fail: (rule) => faults.add(rule),
    reset: () => {
      faults.clear()
      requests.length = 0
    },
    close: () =>
      new Promise((resolve, reject) => {
        server.close((error) => (error ? reject(error) : resolve()))
        server.closeAllConnections()
      }),
  }
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => resolve())
  })
}
