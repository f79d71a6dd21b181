import { PharosError } from '@pharos/contracts'
import { afterEach, describe, expect, it } from 'vitest'
import { parseImageReference } from './image-reference.js'
import { createRegistryClient, type RegistryClient } from './registry-client.js'
import { fixedCredentials, type RegistryCredential } from './registry-credential.js'
import type { RegistryPolicyInput } from './registry-policy.js'
import { serveImage, startScriptedRegistry, tinyImage, type Handler, type ScriptedRegistry } from './__tests__/scripted-registry.js'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const image = tinyImage()
const PASSWORD = 'hunter2-very-secret'
const BASIC: RegistryCredential = { kind: 'basic', username: 'robot', password: PASSWORD }
const BASIC_HEADER = `Basic ${Buffer.from(`robot:${PASSWORD}`).toString('base64')}`
const OPEN = { allowHttp: true, allowInternal: true }

async function registryWith(handle: Handler): Promise<ScriptedRegistry> {
  const registry = await startScriptedRegistry(handle)
  closers.push(registry.close)
  return registry
}

function clientFor(
  registry: ScriptedRegistry,
  credential: RegistryCredential | null,
  policy: object = {},
  more: RegistryPolicyInput = {},
): RegistryClient {
  const client = createRegistryClient({
    policy: { ...more, registries: { ...more.registries, [registry.host]: { ...OPEN, ...policy } } },
    ...(credential === null ? {} : { credentials: fixedCredentials({ [registry.host]: credential }) }),
  })
  closers.push(() => client.close())
  return client
}

/** Protects a handler with a header. */
function protectedBy(
  isWelcome: (authorization: string | undefined) => boolean,
  challenge: () => string,
  handle: Handler = serveImage(image),
): Handler {
  return (request, response) => {
    if (isWelcome(request.headers.authorization)) handle(request, response)
    else response.writeHead(401, { 'www-authenticate': challenge() }).end('{"errors":[{"code":"UNAUTHORIZED"}]}')
  }
}

/** A registry with its token server on the same host. */
async function tokenRegistry(
  options: { answer?: (authorization: string | undefined) => { status: number; body: string }; scope?: string } = {},
): Promise<ScriptedRegistry> {
  let issued = 0
  const answer = options.answer ?? (() => ({ status: 200, body: JSON.stringify({ token: `token-${(issued += 1)}`, expires_in: 300 }) }))
  const guarded = protectedBy(
    (authorization) => authorization?.startsWith('Bearer token-') === true,
    () => `Bearer realm="http://${registry.host}/token",service="registry, the best",scope="${options.scope ?? 'repository:a:pull'}"`,
  )
  const registry: ScriptedRegistry = await registryWith((request, response) => {
    if (request.url?.startsWith('/token') !== true) {
      guarded(request, response)
      return
    }
    const { status, body } = answer(request.headers.authorization)
    response.writeHead(status, { 'content-type': 'application/json' }).end(body)
  })
  return registry
}

const referenceAt = (registry: ScriptedRegistry): ReturnType<typeof parseImageReference> => parseImageReference(`${registry.host}/a`)

describe('basic authentication', () => {
  it('sends the password when it is asked for, and never before', async () => {
    const registry = await registryWith(
      protectedBy(
        (authorization) => authorization === BASIC_HEADER,
        () => 'Basic realm="x"',
      ),
    )
    expect(await clientFor(registry, BASIC).resolve(referenceAt(registry))).toMatchObject({ manifestDigest: image.manifestDigest })
    expect(registry.requests.map((request) => request.authorization)).toEqual([undefined, BASIC_HEADER, BASIC_HEADER])
  })

  it.each<[string, RegistryCredential | null, RegExp]>([
    ['without a credential', null, /no credential/],
    ['with a wrong one', { ...BASIC, password: 'wrong' }, /answered 401/],
    ['with a token', { kind: 'identityToken', identityToken: 'x' }, /its credential is a token/],
  ])('is refused %s', async (_with, credential, why) => {
    const registry = await registryWith(
      protectedBy(
        (authorization) => authorization === BASIC_HEADER,
        () => 'Basic realm="x"',
      ),
    )
    await expect(clientFor(registry, credential).resolve(referenceAt(registry))).rejects.toMatchObject({
      code: 'registry-unauthorized',
      detail: expect.stringMatching(why),
      isRetryable: false,
    })
  })
})

describe('token authentication', () => {
  it('gets one anonymous token and uses it again', async () => {
    const registry = await tokenRegistry()
    const client = clientFor(registry, null)
    await client.resolve(referenceAt(registry))
    await client.resolve(referenceAt(registry))
    const tokens = registry.requests.filter((request) => request.url.startsWith('/token'))
    expect(tokens.map((request) => [request.authorization, Object.fromEntries(new URL(request.url, 'http://x').searchParams)])).toEqual([
      [undefined, { service: 'registry, the best', scope: 'repository:a:pull' }],
    ])
    expect(registry.requests.filter((request) => request.authorization === undefined).map((request) => request.url)).toHaveLength(2)
  })

  it('gives the password to the token server and the token to the registry', async () => {
    const registry = await tokenRegistry({
      answer: (authorization) =>
        authorization === BASIC_HEADER ? { status: 200, body: '{"access_token":"token-x"}' } : { status: 401, body: '' },
    })
    await clientFor(registry, BASIC).resolve(referenceAt(registry))
    for (const { url, authorization } of registry.requests)
      expect(authorization).toBe(url.startsWith('/token') ? BASIC_HEADER : authorization === undefined ? undefined : 'Bearer token-x')
  })

  it('gets another token when the registry no longer takes the first', async () => {
    let valid = 'token-1'
    let issued = 0
    const guarded = protectedBy(
      (authorization) => authorization === `Bearer ${valid}`,
      () => `Bearer realm="http://${registry.host}/token"`,
    )
    const registry: ScriptedRegistry = await registryWith((request, response) => {
      if (request.url?.startsWith('/token') === true) response.end(JSON.stringify({ token: `token-${(issued += 1)}` }))
      else guarded(request, response)
    })
    const client = clientFor(registry, null)
    await client.resolve(referenceAt(registry))
    valid = 'token-2'
    expect(await client.resolve(referenceAt(registry))).toMatchObject({ manifestDigest: image.manifestDigest })
    expect(issued).toBe(2)
  })

  it('does not begin with a token that is about to end', async () => {
    const registry = await tokenRegistry({ answer: () => ({ status: 200, body: '{"token":"token-short","expires_in":5}' }) })
    const client = clientFor(registry, null)
    await client.resolve(referenceAt(registry))
    // Manifest and configuration each asked again.
    expect(registry.requests.filter((request) => request.url.startsWith('/token'))).toHaveLength(2)
  })

  it('trades an identity token by POST, and keeps the one that replaces it', async () => {
    const bodies: string[] = []
    const guarded = protectedBy(
      (authorization) => authorization === `Bearer access-${bodies.length}`,
      () => `Bearer realm="http://${registry.host}/oauth",service=s`,
    )
    const registry: ScriptedRegistry = await registryWith((request, response) => {
      if (request.url !== '/oauth') {
        guarded(request, response)
        return
      }
      let body = ''
      request
        .on('data', (part: Buffer) => {
          body += part.toString()
        })
        .on('end', () => {
          bodies.push(`${request.method ?? ''} ${body}`)
          response.end(
            JSON.stringify({ access_token: `access-${bodies.length}`, refresh_token: `refresh-${bodies.length}`, expires_in: 1 }),
          )
        })
    })
    await clientFor(registry, { kind: 'identityToken', identityToken: 'refresh-0' }).resolve(referenceAt(registry))
    const form = (token: string): string =>
      `POST grant_type=refresh_token&client_id=pharos&refresh_token=${token}&service=s&scope=repository%3Aa%3Apull`
    expect(bodies).toEqual([form('refresh-0'), form('refresh-1')])
    expect(registry.requests.some((request) => request.url.includes('refresh'))).toBe(false)
  })

  it.each<[string, { status: number; body: string }, string]>([
    ['refuses', { status: 401, body: '' }, 'registry-unauthorized'],
    ['answers 400', { status: 400, body: '' }, 'registry-unauthorized'],
    ['is down', { status: 500, body: '' }, 'registry-server-error'],
    ['limits', { status: 429, body: '' }, 'registry-rate-limited'],
    ['sends HTML', { status: 200, body: '<html>' }, 'registry-response-invalid'],
    ['sends no token', { status: 200, body: '{}' }, 'registry-response-invalid'],
    ['sends a token with a line break', { status: 200, body: '{"token":"a\\r\\nX: y"}' }, 'registry-response-invalid'],
    ['sends a megabyte', { status: 200, body: ' '.repeat(1_000_000) }, 'registry-response-invalid'],
    ['redirects', { status: 302, body: '' }, 'registry-response-invalid'],
  ])('when the token server %s', async (_what, answer, code) => {
    const registry = await tokenRegistry({ answer: () => answer })
    await expect(clientFor(registry, BASIC).resolve(referenceAt(registry))).rejects.toMatchObject({ code })
  })
})

describe('where a credential goes', () => {
  it('not to a realm elsewhere', async () => {
    const elsewhere = await registryWith((_request, response) => {
      response.end('{"token":"x"}')
    })
    const registry = await registryWith(
      protectedBy(
        () => false,
        () => `Bearer realm="https://${elsewhere.host}/token",service=s`,
      ),
    )
    await expect(clientFor(registry, BASIC).resolve(referenceAt(registry))).rejects.toMatchObject({
      code: 'registry-unauthorized',
      detail: expect.stringContaining('tokenHosts'),
    })
    expect(elsewhere.requests).toEqual([])
  })

  it('to a realm elsewhere that the policy names', async () => {
    const elsewhere = await registryWith((_request, response) => {
      response.end('{"token":"x"}')
    })
    const registry = await registryWith(
      protectedBy(
        (authorization) => authorization === 'Bearer x',
        () => `Bearer realm="http://${elsewhere.host}/token"`,
      ),
    )
    await clientFor(registry, BASIC, { tokenHosts: [elsewhere.host] }).resolve(referenceAt(registry))
    expect(elsewhere.requests.map((request) => request.authorization)).toEqual([BASIC_HEADER])
    expect(registry.requests.map((request) => request.authorization)).not.toContain(BASIC_HEADER)
  })

  it('not to another registry, nor to another port of the same host', async () => {
    const registry = await registryWith(serveImage(image))
    const other = await registryWith(
      protectedBy(
        () => false,
        () => 'Basic realm="x"',
      ),
    )
    const client = clientFor(registry, BASIC, {}, { registries: { [other.host]: OPEN } })
    await expect(client.resolve(referenceAt(other))).rejects.toMatchObject({ code: 'registry-unauthorized' })
    expect(other.requests.every((request) => request.authorization === undefined)).toBe(true)
  })

  it('not along a redirect to another host, but along one within its own', async () => {
    const storage = await registryWith(serveImage(image))
    const registry = await registryWith(
      protectedBy(
        (authorization) => authorization === BASIC_HEADER,
        () => 'Basic realm="x"',
        (request, response) => {
          if (request.url?.startsWith('/v2/a/') === true) response.writeHead(307, { location: `/moved${request.url}` }).end()
          else response.writeHead(307, { location: `http://user:pass@${storage.host}${request.url ?? ''}?signature=abc` }).end()
        },
      ),
    )
    storage.handle = (request, response) => {
      request.url = (request.url ?? '').split('?')[0] ?? ''
      serveImage(image)(request, response)
    }
    await clientFor(registry, BASIC, { redirectHosts: [storage.host] }).resolve(referenceAt(registry))
    expect(storage.requests.map((request) => request.authorization)).toEqual([undefined, undefined])
    expect(registry.requests.filter((request) => request.url.startsWith('/moved')).map((request) => request.authorization)).toEqual([
      BASIC_HEADER,
      BASIC_HEADER,
    ])
  })

  it('not because the place that a redirect leads to asks for it', async () => {
    const storage = await registryWith(
      protectedBy(
        () => false,
        () => `Bearer realm="http://${storage.host}/token", Basic realm="x"`,
      ),
    )
    const registry = await registryWith((request, response) => {
      response.writeHead(307, { location: `http://${storage.host}${request.url ?? ''}` }).end()
    })
    const client = clientFor(registry, BASIC, { redirectHosts: [storage.host], tokenHosts: [storage.host] })
    await expect(client.resolve(referenceAt(registry))).rejects.toMatchObject({ code: 'registry-unauthorized' })
    expect([...registry.requests, ...storage.requests].map(({ url, authorization }) => [url, authorization])).toEqual([
      ['/v2/a/manifests/latest', undefined],
      ['/v2/a/manifests/latest', undefined],
    ])
  })

  it('into no message, whatever the registry repeats of it', async () => {
    const echo: Handler = (request, response) => {
      const said = `${request.headers.authorization ?? ''} ${request.url ?? ''}`
      response.writeHead(request.headers.authorization === undefined ? 401 : 403, {
        'www-authenticate': 'Basic realm="x"',
        'content-type': 'application/json',
        'x-error': said,
      })
      response.end(JSON.stringify({ errors: [{ code: said, message: `${said} robot:${PASSWORD}` }] }))
    }
    const registry = await registryWith(echo)
    const failure: unknown = await clientFor(registry, BASIC)
      .resolve(referenceAt(registry))
      .catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(PharosError)
    const { message, stack, cause } = failure as PharosError
    for (const text of [message, stack ?? '', String(cause), JSON.stringify(failure)]) {
      expect(text).not.toContain(PASSWORD)
      expect(text).not.toContain(BASIC_HEADER.slice(6))
    }
  })
})

describe('ping', () => {
  it.each<[string, Handler, RegistryCredential | null, string]>([
    [
      'accepted',
      protectedBy(
        (authorization) => authorization === BASIC_HEADER,
        () => 'Basic realm="x"',
      ),
      BASIC,
      'accepted',
    ],
    [
      'not asked for',
      (_request, response) => {
        response.end('{}')
      },
      BASIC,
      'not-asked',
    ],
    [
      'none',
      (_request, response) => {
        response.end('{}')
      },
      null,
      'none',
    ],
  ])('says that the credential is %s', async (_what, handle, credential, expected) => {
    const registry = await registryWith(handle)
    expect(await clientFor(registry, credential).ping(registry.host)).toEqual({ credential: expected })
  })

  it('throws when it is wrong', async () => {
    const registry = await registryWith(
      protectedBy(
        () => false,
        () => 'Basic realm="x"',
      ),
    )
    await expect(clientFor(registry, BASIC).ping(registry.host)).rejects.toMatchObject({ code: 'registry-unauthorized' })
  })
})
