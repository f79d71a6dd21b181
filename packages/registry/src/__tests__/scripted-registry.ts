import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { digestOf } from '../digest.js'

/** A request as the registry saw it. */
export interface SeenRequest {
  method: string
  url: string
  authorization: string | undefined
  range: string | undefined
}

export type Handler = (request: IncomingMessage, response: ServerResponse) => void

/** A registry that does what its test says, good or bad. */
export interface ScriptedRegistry {
  /** `127.0.0.1:port`. */
  host: string
  requests: SeenRequest[]
  /** Replaces what is answered. */
  handle: Handler
  close(): Promise<void>
}

/** Starts a registry; with a key and certificate it speaks TLS. */
export async function startScriptedRegistry(handle: Handler, tls?: { key: string; cert: string }): Promise<ScriptedRegistry> {
  const sockets = new Set<Socket>()
  const requests: SeenRequest[] = []
  const listener: Handler = (request, response) => {
    requests.push({
      method: request.method ?? '',
      url: request.url ?? '',
      authorization: request.headers.authorization,
      range: request.headers.range,
    })
    registry.handle(request, response)
  }
  const server: Server = tls === undefined ? createServer(listener) : createSecureServer(tls, listener)
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const registry: ScriptedRegistry = {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    handle,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
  return registry
}

/** An image small enough to read in a failing test. */
export interface TinyImage {
  manifest: Buffer
  manifestDigest: string
  config: Buffer
  layers: Buffer[]
  /** By digest. */
  blobs: Map<string, Buffer>
}

/** Makes an image of random-free content; `change` bends its manifest before it is digested. */
export function tinyImage(options: { layers?: Buffer[]; config?: object; change?: (manifest: TinyManifest) => void } = {}): TinyImage {
  const layers = options.layers ?? [gzipSync('first layer'), gzipSync('second layer '.repeat(2000))]
  const config = Buffer.from(
    JSON.stringify({
      os: 'linux',
      architecture: 'amd64',
      created: '2026-01-02T03:04:05Z',
      config: { Labels: { maintainer: 'someone' } },
      rootfs: { type: 'layers', diff_ids: layers.map((layer) => digestOf(layer)) },
      history: [{ created_by: 'ADD / /' }],
      ...options.config,
    }),
  )
  const manifest: TinyManifest = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: digestOf(config), size: config.length },
    layers: layers.map((layer) => ({
      mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
      digest: digestOf(layer),
      size: layer.length,
    })),
  }
  options.change?.(manifest)
  const bytes = Buffer.from(JSON.stringify(manifest))
  return {
    manifest: bytes,
    manifestDigest: digestOf(bytes),
    config,
    layers,
    blobs: new Map([config, ...layers].map((blob) => [digestOf(blob), blob])),
  }
}

export interface TinyManifest {
  schemaVersion: number
  mediaType?: string
  config: { mediaType: string; digest: string; size: number }
  layers: { mediaType: string; digest: string; size: number }[]
}

/** Serves an image under any name and tag. */
export function serveImage(image: TinyImage): Handler {
  return (request, response) => {
    const digest = /\/blobs\/(.+)$/.exec(request.url ?? '')?.[1]
    const blob = digest === undefined ? undefined : image.blobs.get(digest)
    if (digest === undefined) {
      response.writeHead(200, { 'content-type': 'application/vnd.oci.image.manifest.v1+json', 'content-length': image.manifest.length })
      response.end(request.method === 'HEAD' ? undefined : image.manifest)
    } else if (blob === undefined) {
      response.writeHead(404, { 'content-type': 'application/json' }).end('{"errors":[{"code":"BLOB_UNKNOWN"}]}')
    } else {
      response.writeHead(200, { 'content-length': blob.length })
      response.end(request.method === 'HEAD' ? undefined : blob)
    }
  }
}
