import { exampleOf, RegistryAccess } from '@pharos/contracts'
import { describe, expect, it } from 'vitest'
import { registryClientOptions } from './registry-access.js'
import { policyOf, RegistryPolicySchema } from './registry-policy.js'

const access = exampleOf(RegistryAccess)

describe('registryClientOptions', () => {
  it('opens what the access opens, for its host alone', () => {
    const policy = RegistryPolicySchema.parse(registryClientOptions({ ...access, allowHttp: true, caCertificate: 'PEM' }).policy)
    expect(policyOf(policy, 'registry.example')).toMatchObject({ allowHttp: true, allowInternal: false, caPem: 'PEM' })
    expect(policyOf(policy, 'other.example')).toMatchObject({ allowHttp: false, allowInternal: false })
  })

  it('reaches mirrors as it reaches the registry, without its credential', async () => {
    const options = registryClientOptions({
      ...access,
      allowInternal: true,
      mirrors: ['mirror.example/cache'],
      credential: { username: 'ana', password: 'p', identityToken: null },
    })
    expect(policyOf(RegistryPolicySchema.parse(options.policy), 'mirror.example')).toMatchObject({ allowInternal: true, mirrors: [] })
    expect(await options.credentials.find('mirror.example')).toBeNull()
  })

  it.each([
    ['a password', { username: 'ana', password: 'p', identityToken: null }, { kind: 'basic', username: 'ana', password: 'p' }],
    ['a refresh token', { username: null, password: null, identityToken: 't' }, { kind: 'identityToken', identityToken: 't' }],
  ])('gives %s to its own registry and to no other', async (_sentence, credential, expected) => {
    const { credentials } = registryClientOptions({ ...access, credential })
    expect(await credentials.find('registry.example')).toEqual(expected)
    expect(await credentials.find('other.example')).toBeNull()
  })
})
