import { createServer, type ServerResponse } from 'node:http'
import type { TestRegistry } from '@pharos/test-kit'

/** A scan that stands still in the middle of its pull until the flow lets it go on. */
export interface HeldBlob {
  /** Resolves when somebody asks for the blob. */
  reached: Promise<void>
  /** Hands the blob out after all. */
  release(): void
  /** Answers with an error status instead. */
  refuse(status: number): void
  close(): Promise<void>
}

/** Holds the first request for a blob, by sending it to a place that answers only when told to. */
export async function holdBlob(registry: TestRegistry, repository: string, digest: string): Promise<HeldBlob> {
  const path = `/v2/${repository}/blobs/${digest}`
  let arrive: () => void
  const reached = new Promise<void>((resolve) => (arrive = resolve))
  let decide: (answer: (response: ServerResponse) => void) => void
  const decided = new Promise<(response: ServerResponse) => void>((resolve) => (decide = resolve))
  const server = createServer((_request, response) => {
    arrive()
    void decided.then((answer) => answer(response))
  })
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the holding server has no port')
  registry.fail({ match: new RegExp(`^GET ${path}$`), fault: { kind: 'redirect', location: `http://127.0.0.1:${address.port}/held` }, times: 1 })
  return {
    reached,
    release: () => decide((response) => response.writeHead(307, { location: `${registry.url}${path}` }).end()),
    refuse: (status) => decide((response) => response.writeHead(status).end()),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
