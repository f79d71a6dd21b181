import { createServer, type Server } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { parseImageReference } from './image-reference.js'
import { createRegistryClient } from './registry-client.js'
import { serveImage, startScriptedRegistry, tinyImage } from './__tests__/scripted-registry.js'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const image = tinyImage()

/** A forward proxy that knows CONNECT only, and sends every connection to one place. */
async function startProxy(
  targetPort: number,
  status = 200,
): Promise<{ url: string; targets: string[]; authorizations: (string | undefined)[] }> {
  const targets: string[] = []
  const authorizations: (string | undefined)[] = []
  const sockets = new Set<Socket>()
  const server: Server = createServer()
  server.on('connect', (request, socket: Socket) => {
    targets.push(request.url ?? '')
    authorizations.push(request.headers['proxy-authorization'])
    sockets.add(socket)
    if (status !== 200) {
      socket.end(`HTTP/1.1 ${status} No\r\n\r\n`)
      return
    }
    const upstream = connect(targetPort, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      upstream.pipe(socket).pipe(upstream)
    })
    for (const end of [upstream, socket])
      end.on('error', () => {
        upstream.destroy()
        socket.destroy()
      })
    sockets.add(upstream)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { url: `http://user:pass@127.0.0.1:${(server.address() as AddressInfo).port}`, targets, authorizations }
}

describe('the proxy of the policy', () => {
  it('gets a CONNECT for the registry, with its own credential', async () => {
    const registry = await startScriptedRegistry(serveImage(image))
    closers.push(registry.close)
    const proxy = await startProxy(Number(registry.host.split(':')[1]))
    const client = createRegistryClient({ policy: { proxyUrl: proxy.url, registries: { 'registry.example:80': { allowHttp: true } } } })
    closers.push(() => client.close())
    expect(await client.resolve(parseImageReference('registry.example:80/a'))).toMatchObject({ manifestDigest: image.manifestDigest })
    expect(new Set(proxy.targets)).toEqual(new Set(['registry.example:80']))
    expect(proxy.authorizations[0]).toBe(`Basic ${Buffer.from('user:pass').toString('base64')}`)
  })

  it('that refuses is named', async () => {
    const proxy = await startProxy(1, 403)
    const client = createRegistryClient({ policy: { proxyUrl: proxy.url } })
    closers.push(() => client.close())
    await expect(client.resolve(parseImageReference('registry.example/a'))).rejects.toMatchObject({
      code: 'registry-unreachable',
      detail: expect.stringContaining('proxy answered 403'),
    })
  })

  it.each(['localhost:1/a', '127.0.0.1:1/a', '10.0.0.1:1/a', 'x.localhost:1/a'])('is not asked for %s', async (reference) => {
    const proxy = await startProxy(1)
    const client = createRegistryClient({ policy: { proxyUrl: proxy.url } })
    closers.push(() => client.close())
    await expect(client.resolve(parseImageReference(reference))).rejects.toMatchObject({ code: 'registry-address-forbidden' })
    expect(proxy.targets).toEqual([])
  })
})

describe('name resolution', () => {
  it('is asked again for each connection, and its last answer is checked (DNS rebinding)', async () => {
    const registry = await startScriptedRegistry((request, response) => {
      response.setHeader('connection', 'close')
      serveImage(image)(request, response)
    })
    closers.push(registry.close)
    const port = registry.host.split(':')[1] ?? ''
    const answers = ['127.0.0.1', '127.0.0.2']
    const client = createRegistryClient({
      policy: { registries: { '*': { allowHttp: true, allowedAddresses: ['127.0.0.1'] } } },
      resolveName: () => Promise.resolve([{ address: answers.shift() ?? '127.0.0.2', family: 4 }]),
    })
    closers.push(() => client.close())
    // The manifest comes from the allowed address; for the configuration the name points elsewhere.
    await expect(client.resolve(parseImageReference(`rebind.example:${port}/a`))).rejects.toMatchObject({
      code: 'registry-address-forbidden',
    })
    expect(registry.requests.map((request) => request.url)).toEqual(['/v2/a/manifests/latest'])
  })

  it('that never answers ends at the connect limit', async () => {
    const client = createRegistryClient({
      policy: { timeouts: { connectMs: 50, headersMs: 50 } },
      resolveName: () =>
        new Promise(() => {
          /* never */
        }),
    })
    closers.push(() => client.close())
    await expect(client.resolve(parseImageReference('registry.example/a'))).rejects.toMatchObject({ code: 'registry-timeout' })
  })
})
