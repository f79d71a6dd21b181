import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { closeLater, image, registryWith } from './__tests__/client-at-registry.js'
import { type Handler, type ScriptedRegistry, serveImage, startScriptedRegistry } from './__tests__/scripted-registry.js'
import { parseImageReference } from './image-reference.js'
import { createRegistryClient } from './registry-client.js'

describe('TLS', () => {
  const fixture = (name: string): string => readFileSync(new URL(`./__fixtures__/${name}`, import.meta.url), 'utf8')
  const tls = { key: fixture('tls-server.key'), cert: fixture('tls-server.pem') }
  const secure = async (handle: Handler = serveImage(image)): Promise<ScriptedRegistry> => {
    const registry = await startScriptedRegistry(handle, tls)
    closeLater(registry.close)
    return registry
  }
  const resolveWith = (registry: ScriptedRegistry, policy: object, host = registry.host): Promise<unknown> => {
    const client = createRegistryClient({
      policy: { registries: { [host]: { allowInternal: true, ...policy } } },
      resolveName: () => Promise.resolve([{ address: '127.0.0.1', family: 4 }]),
    })
    closeLater(() => client.close())
    return client.resolve(parseImageReference(`${host}/a`))
  }
  const portOf = (registry: ScriptedRegistry): string => registry.host.split(':')[1] ?? ''

  it('does not trust an unknown authority', async () => {
    const registry = await secure()
    await expect(resolveWith(registry, {})).rejects.toMatchObject({ code: 'registry-tls-invalid' })
    expect(registry.requests).toEqual([])
  })

  it("trusts the authority that the registry's policy names, by address and by name", async () => {
    const registry = await secure()
    expect(await resolveWith(registry, { caPem: fixture('tls-ca.pem') })).toMatchObject({ manifestDigest: image.manifestDigest })
    expect(await resolveWith(registry, { caPem: fixture('tls-ca.pem') }, `registry.test:${portOf(registry)}`)).toMatchObject({
      manifestDigest: image.manifestDigest,
    })
  })

  it('holds the certificate to the name', async () => {
    const registry = await secure()
    await expect(resolveWith(registry, { caPem: fixture('tls-ca.pem') }, `other.test:${portOf(registry)}`)).rejects.toMatchObject({
      code: 'registry-tls-invalid',
    })
  })

  it('verifies nothing only where told so, and not for the host that it redirects to', async () => {
    const storage = await secure()
    const registry = await secure((_request, response) => {
      response.writeHead(307, { location: `https://${storage.host}/x` }).end()
    })
    const direct = await secure()
    expect(await resolveWith(direct, { insecureSkipTlsVerify: true })).toMatchObject({ manifestDigest: image.manifestDigest })
    await expect(resolveWith(registry, { insecureSkipTlsVerify: true, redirectHosts: [storage.host] })).rejects.toMatchObject({
      code: 'registry-tls-invalid',
    })
  })

  it('is not left by a redirect', async () => {
    const plain = await registryWith(serveImage(image))
    const registry = await secure((_request, response) => {
      response.writeHead(307, { location: `http://${plain.host}/x` }).end()
    })
    await expect(resolveWith(registry, { caPem: fixture('tls-ca.pem'), redirectHosts: [plain.host] })).rejects.toMatchObject({
      code: 'registry-response-invalid',
      detail: expect.stringContaining('https to http'),
    })
    expect(plain.requests).toEqual([])
  })

  it('says so when the server does not speak it', async () => {
    const plain = await registryWith(serveImage(image))
    await expect(resolveWith(plain, {})).rejects.toMatchObject({ code: 'registry-tls-invalid' })
  })
})
