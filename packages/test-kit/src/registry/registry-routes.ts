import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { memoryBlob, sha256, type Blob } from '../oci/blob.js'
import type { RegistryGate } from './registry-access.js'
import type { RegistryStorage } from './registry-storage.js'

/** What a route needs to know of a request. */
interface Exchange {
  request: IncomingMessage
  response: ServerResponse
  url: URL
  name: string
  /** Tag, digest or upload id at the end of the path. */
  reference: string
}

const namePattern = '((?:[a-z0-9]+(?:[._-]+[a-z0-9]+)*)(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*)'
const digestPattern = /^sha256:[0-9a-f]{64}$/

/** The HTTP interface of the OCI distribution specification 1.1 over a storage. */
export class RegistryRoutes {
  private readonly uploads = new Map<string, Buffer[]>()
  private readonly routes: [RegExp, (exchange: Exchange) => Promise<void> | void][] = [
    [new RegExp(`^/v2/${namePattern}/manifests/([^/]+)$`), (exchange) => this.manifest(exchange)],
    [new RegExp(`^/v2/${namePattern}/blobs/uploads/([^/]*)$`), (exchange) => this.upload(exchange)],
    [new RegExp(`^/v2/${namePattern}/blobs/([^/]+)$`), (exchange) => this.blob(exchange)],
    [new RegExp(`^/v2/${namePattern}/tags/list()$`), (exchange) => this.tags(exchange)],
    [new RegExp(`^/v2/${namePattern}/referrers/([^/]+)$`), (exchange) => this.referrers(exchange)],
  ]

  constructor(
    private readonly storage: RegistryStorage,
    private readonly gate: RegistryGate,
  ) {}

  /** Answers one request. */
  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const baseUrl = `${'encrypted' in request.socket ? 'https' : 'http'}://${request.headers.host ?? '127.0.0.1'}`
    const url = new URL(request.url ?? '/', baseUrl)
    response.setHeader('docker-distribution-api-version', 'registry/2.0')
    if (url.pathname === '/token') return this.token(request, response, url)
    const found = this.find(url.pathname)
    const challenge = this.gate.challenge(request, baseUrl, found?.name)
    if (challenge !== undefined) {
      response.setHeader('www-authenticate', challenge)
      return sendError(response, 401, 'UNAUTHORIZED', 'authentication required')
    }
    if (url.pathname === '/v2/' || url.pathname === '/v2') return sendJson(response, 200, {})
    if (url.pathname === '/v2/_catalog') return sendJson(response, 200, { repositories: this.storage.repositoryNames() })
    if (!found) return sendError(response, 404, 'NAME_UNKNOWN', 'no such route')
    await found.run({ request, response, url, name: found.name, reference: found.reference })
  }

  private find(path: string): { name: string; reference: string; run: (exchange: Exchange) => Promise<void> | void } | undefined {
    for (const [pattern, run] of this.routes) {
      const match = pattern.exec(decodeURIComponent(path))
      if (match) return { name: match[1] ?? '', reference: match[2] ?? '', run }
    }
    return undefined
  }

  private token(request: IncomingMessage, response: ServerResponse, url: URL): void {
    const token = this.gate.grant(request, url)
    if (token) sendJson(response, 200, token)
    else sendError(response, 401, 'UNAUTHORIZED', 'incorrect username or password')
  }

  private async manifest({ request, response, name, reference }: Exchange): Promise<void> {
    if (request.method === 'PUT') {
      const bytes = await readBody(request)
      const digest = sha256(bytes)
      if (digestPattern.test(reference) && reference !== digest)
        return sendError(response, 400, 'DIGEST_INVALID', 'digest differs from content')
      const mediaType = request.headers['content-type'] ?? 'application/vnd.oci.image.manifest.v1+json'
      this.storage.putManifest(name, reference, { mediaType, blob: memoryBlob(bytes) })
      response.writeHead(201, { location: `/v2/${name}/manifests/${digest}`, 'docker-content-digest': digest })
      response.end()
      return
    }
    if (request.method === 'DELETE') {
      if (!this.storage.deleteManifest(name, reference)) return sendError(response, 404, 'MANIFEST_UNKNOWN', 'manifest unknown')
      response.writeHead(202)
      response.end()
      return
    }
    const manifest = this.storage.manifest(name, reference)
    if (!manifest) return sendError(response, 404, 'MANIFEST_UNKNOWN', 'manifest unknown')
    response.setHeader('docker-content-digest', manifest.blob.digest)
    await sendBlob(request, response, manifest.blob, manifest.mediaType)
  }

  private async blob({ request, response, reference }: Exchange): Promise<void> {
    const blob = this.storage.blob(reference)
    if (!blob) return sendError(response, 404, 'BLOB_UNKNOWN', 'blob unknown to registry')
    response.setHeader('docker-content-digest', blob.digest)
    await sendBlob(request, response, blob, 'application/octet-stream')
  }

  private async upload({ request, response, url, name, reference }: Exchange): Promise<void> {
    const digest = url.searchParams.get('digest')
    if (request.method === 'POST') {
      const mounted = url.searchParams.get('mount')
      if (mounted !== null && this.storage.blob(mounted)) return sendCreated(response, name, mounted)
      const id = randomUUID()
      this.uploads.set(id, [])
      if (digest !== null) return this.finish(name, id, digest, await readBody(request), response)
      response.writeHead(202, { location: `/v2/${name}/blobs/uploads/${id}`, range: '0-0', 'docker-upload-uuid': id })
      response.end()
      return
    }
    const chunks = this.uploads.get(reference)
    if (!chunks) return sendError(response, 404, 'BLOB_UPLOAD_UNKNOWN', 'no such upload')
    const bytes = await readBody(request)
    if (request.method === 'PUT' && digest !== null) return this.finish(name, reference, digest, bytes, response)
    chunks.push(bytes)
    const total = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
    response.writeHead(202, { location: `/v2/${name}/blobs/uploads/${reference}`, range: `0-${Math.max(0, total - 1)}` })
    response.end()
  }

  private finish(name: string, id: string, digest: string, last: Buffer, response: ServerResponse): void {
    const blob = memoryBlob(Buffer.concat([...(this.uploads.get(id) ?? []), last]))
    this.uploads.delete(id)
    if (blob.digest !== digest) return sendError(response, 400, 'DIGEST_INVALID', 'digest differs from content')
    this.storage.putBlob(blob)
    sendCreated(response, name, digest)
  }

  private tags({ response, url, name }: Exchange): void {
    const all = this.storage.tags(name)
    if (!all) return sendError(response, 404, 'NAME_UNKNOWN', 'repository name not known to registry')
    const last = url.searchParams.get('last')
    const rest = last === null ? all : all.filter((tag) => tag > last)
    const limit = url.searchParams.has('n') ? Number(url.searchParams.get('n')) : rest.length
    const page = rest.slice(0, limit)
    const end = page.at(-1)
    if (page.length < rest.length && end !== undefined) {
      response.setHeader('link', `</v2/${name}/tags/list?n=${limit}&last=${encodeURIComponent(end)}>; rel="next"`)
    }
    sendJson(response, 200, { name, tags: page })
  }

  private referrers({ response }: Exchange): void {
    response.setHeader('content-type', 'application/vnd.oci.image.index.v1+json')
    response.end(JSON.stringify({ schemaVersion: 2, mediaType: 'application/vnd.oci.image.index.v1+json', manifests: [] }))
  }
}

async function sendBlob(request: IncomingMessage, response: ServerResponse, blob: Blob, mediaType: string): Promise<void> {
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '')
  const start = range ? Number(range[1]) : 0
  const end = range?.[2] ? Math.min(Number(range[2]), blob.sizeBytes - 1) : blob.sizeBytes - 1
  if (range && start >= blob.sizeBytes) {
    response.setHeader('content-range', `bytes */${blob.sizeBytes}`)
    return sendError(response, 416, 'RANGE_INVALID', 'no such range')
  }
  response.writeHead(range ? 206 : 200, {
    'content-type': mediaType,
    'content-length': end - start + 1,
    'accept-ranges': 'bytes',
    ...(range ? { 'content-range': `bytes ${start}-${end}/${blob.sizeBytes}` } : {}),
  })
  if (request.method === 'HEAD' || blob.sizeBytes === 0) {
    response.end()
    return
  }
  for await (const chunk of blob.open(range ? { start, end } : undefined)) {
    if (response.destroyed) return
    if (!response.write(chunk)) await drained(response)
  }
  response.end()
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done).off('close', done)
      resolve()
    }
    response.once('drain', done).once('close', done)
  })
}

function sendCreated(response: ServerResponse, name: string, digest: string): void {
  response.writeHead(201, { location: `/v2/${name}/blobs/${digest}`, 'docker-content-digest': digest })
  response.end()
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}

function sendError(response: ServerResponse, status: number, code: string, message: string): void {
  sendJson(response, status, { errors: [{ code, message }] })
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}
