import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createServer } from 'node:http'
import { basename, join } from 'node:path'
import { pipeline } from 'node:stream/promises'

/** A download site for Grype databases. */
export interface DatabaseFeed {
  /** For `GRYPE_DB_UPDATE_URL`. */
  latestUrl: string
  /** Serves another folder from now on, as if a new database had been published. */
  publish(directory: string): void
  close(): Promise<void>
}

/** Serves `latest.json` and the archive beside it below `/v6/`, on 127.0.0.1. */
export async function startDatabaseFeed(firstDirectory: string, port = 0): Promise<DatabaseFeed> {
  let directory = firstDirectory
  const server = createServer((request, response) => {
    const name = basename(new URL(request.url ?? '/', 'http://feed').pathname)
    const path = join(directory, name)
    stat(path)
      .then(async (found) => {
        response.writeHead(200, {
          'content-length': found.size,
          'content-type': name.endsWith('.json') ? 'application/json' : 'application/octet-stream',
          'last-modified': found.mtime.toUTCString(),
        })
        if (request.method === 'HEAD') response.end()
        else await pipeline(createReadStream(path), response)
      })
      .catch((error: unknown) => {
        if (response.headersSent) response.destroy(error instanceof Error ? error : undefined)
        else response.writeHead(404).end()
      })
  })
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', () => resolve()))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the feed has no port')
  return {
    latestUrl: `http://127.0.0.1:${address.port}/v6/latest.json`,
    publish: (next) => {
      directory = next
    },
    close: () =>
      new Promise((resolve, reject) => {
        server.close((error) => (error ? reject(error) : resolve()))
        server.closeAllConnections()
      }),
  }
}
