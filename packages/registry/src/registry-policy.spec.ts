import { describe, expect, it } from 'vitest'
import { endpointsOf, isTokenHostTrusted, originEndpoint, policyOf, RegistryPolicySchema } from './registry-policy.js'

describe('policyOf', () => {
  it("lays a registry's own entry over the one of all, over the strict one", () => {
    const policy = RegistryPolicySchema.parse({
      registries: { '*': { allowHttp: true, mirrors: ['m.example'] }, 'a.example': { allowHttp: undefined, mirrors: [] } },
    })
    expect(policyOf(policy, 'a.example')).toMatchObject({ allowHttp: true, mirrors: [], allowInternal: false, tokenHosts: [] })
    expect(policyOf(RegistryPolicySchema.parse({ registries: { b: { allowHttp: undefined } } }), 'b')).toMatchObject({
      allowHttp: false,
      insecureSkipTlsVerify: false,
    })
  })
})

describe('endpointsOf', () => {
  it('gives mirrors with their prefixes, then the registry, Docker Hub at its API host', () => {
    const policy = RegistryPolicySchema.parse({
      registries: { 'docker.io': { mirrors: ['m.example:5000/hub/', 'n.example'] }, 'n.example': { allowHttp: true } },
    })
    expect(endpointsOf(policy, 'docker.io').map(({ registry, origin, prefix }) => [registry, origin, prefix])).toEqual([
      ['m.example:5000', 'https://m.example:5000', 'hub/'],
      ['n.example', 'http://n.example', ''],
      ['docker.io', 'https://registry-1.docker.io', ''],
    ])
  })
})

describe('isTokenHostTrusted', () => {
  it.each<[string, string, boolean]>([
    ['docker.io', 'https://auth.docker.io/token', true],
    ['docker.io', 'https://auth.docker.io.evil.example/token', false],
    ['docker.io', 'http://auth.docker.io/token', false],
    ['ghcr.io', 'https://ghcr.io/token', true],
    ['ghcr.io', 'https://ghcr.io:8443/token', false],
    ['ghcr.io', 'https://auth.docker.io/token', false],
    ['r.example:5000', 'https://r.example:5000/t', true],
    ['r.example:5000', 'https://r.example/t', true],
    ['r.example:5000', 'https://r.example:5001/t', false],
    ['r.example:5000', 'https://auth.example/t', true],
    ['r.example:5000', 'https://xauth.example/t', false],
    ['r.example:5000', 'ftp://r.example:5000/t', false],
  ])('%s may send its credential to %s: %s', (registry, realm, expected) => {
    const policy = RegistryPolicySchema.parse({ registries: { 'r.example:5000': { tokenHosts: ['auth.example'] } } })
    expect(isTokenHostTrusted(new URL(realm), originEndpoint(policy, registry))).toBe(expected)
  })
})
