import { afterEach } from 'vitest'
import { parseImageReference } from '../image-reference.js'
import { parsePlatform } from '../platform.js'
import { createRegistryClient, type RegistryClient, type RegistryClientOptions } from '../registry-client.js'
import { serveImage, startScriptedRegistry, tinyImage, type Handler, type ScriptedRegistry } from './scripted-registry.js'

const closers: (() => unknown)[] = []
/** Closes something when the test ends. */
export function closeLater(close: () => unknown): void {
  closers.push(close)
}
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

/** Media type of an OCI image index. */
export const INDEX = 'application/vnd.oci.image.index.v1+json'
/** The image that these registries hold. */
export const image = tinyImage()
/** Time limits for tests of registries that do not answer. */
export const SHORT = { connectMs: 2000, headersMs: 300, idleMs: 300, shortTotalMs: 2000 }

/** A registry that answers by a script, until the test ends. */
export async function registryWith(handle: Handler): Promise<ScriptedRegistry> {
  const registry = await startScriptedRegistry(handle)
  closers.push(registry.close)
  return registry
}

/** A client that may reach the registry, until the test ends. */
export function clientFor(registry: ScriptedRegistry, options: RegistryClientOptions = {}): RegistryClient {
  const client = createRegistryClient({
    policy: { registries: { [registry.host]: { allowHttp: true, allowInternal: true } }, timeouts: SHORT },
    ...options,
  })
  closers.push(() => client.close())
  return client
}

/** Resolves a reference at a registry of its own. */
export async function resolveAt(handle: Handler, tag = 'a:1', platform?: string): ReturnType<RegistryClient['resolve']> {
  const registry = await registryWith(handle)
  return clientFor(registry).resolve(
    parseImageReference(`${registry.host}/${tag}`),
    platform === undefined ? undefined : parsePlatform(platform),
  )
}

/** Answers every manifest request with these bytes. */
export function answerManifest(bytes: Buffer | string, headers: Record<string, string> = {}): Handler {
  return (request, response) => {
    if (request.url?.includes('/blobs/') === true) {
      serveImage(image)(request, response)
      return
    }
    response.writeHead(200, { 'content-type': 'application/vnd.oci.image.manifest.v1+json', ...headers }).end(bytes)
  }
}
