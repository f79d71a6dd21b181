import type { RegistryAccess } from '@pharos/contracts'
import type { RegistryClientOptions } from './registry-client.js'
import { fixedCredentials, type RegistryCredential } from './registry-credential.js'
import type { RegistryHostPolicy } from './registry-policy.js'

/** The one credential of an access, for its own registry alone. */
function credentialOf(access: RegistryAccess): RegistryCredential | null {
  const { credential } = access
  if (credential === null) return null
  if (credential.identityToken !== null) return { kind: 'identityToken', identityToken: credential.identityToken }
  if (credential.username === null && credential.password === null) return null
  return { kind: 'basic', username: credential.username ?? '', password: credential.password ?? '' }
}

/** Policy and credential of a client that may reach what a {@link RegistryAccess} says, and nothing more. */
export function registryClientOptions(access: RegistryAccess): Required<Pick<RegistryClientOptions, 'policy' | 'credentials'>> {
  const credential = credentialOf(access)
  const host: Partial<RegistryHostPolicy> = {
    allowHttp: access.allowHttp,
    allowInternal: access.allowInternal,
    insecureSkipTlsVerify: access.insecureSkipTlsVerify,
    mirrors: access.mirrors,
    tokenHosts: access.tokenHosts,
    ...(access.caCertificate === null ? {} : { caPem: access.caCertificate }),
  }
  // A mirror that the registry's owner names is trusted as far as the registry is, but never gets its credential.
  const mirror: Partial<RegistryHostPolicy> = { allowHttp: access.allowHttp, allowInternal: access.allowInternal }
  const mirrors = access.mirrors.map((name) => [name.split('/', 1)[0] ?? name, mirror] as const)
  return {
    policy: { registries: { ...Object.fromEntries(mirrors), [access.host]: host } },
    credentials: fixedCredentials(credential === null ? {} : { [access.host]: credential }),
  }
}
