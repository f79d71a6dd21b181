import type { RegistryAccess } from '@pharos/contracts'
import {
  createDockerCredentialSource,
  createRegistryClient,
  firstOf,
  fixedCredentials,
  type RegistryClient,
  type RegistryCredential,
  type RegistryCredentialSource,
} from '@pharos/registry'

/** The registry client of one attempt: it holds that attempt's credential in memory, and nothing outlives it. */
export function createAttemptRegistry(
  access: RegistryAccess | null,
  settings: { maxImageBytes: number; dockerConfigDirectory: string | undefined; signal: AbortSignal },
): RegistryClient {
  const sources: RegistryCredentialSource[] = []
  const credential = access === null ? null : credentialOf(access)
  if (access !== null && credential !== null) sources.push(fixedCredentials({ [access.host]: credential }))
  if (settings.dockerConfigDirectory !== undefined)
    sources.push(createDockerCredentialSource({ directory: settings.dockerConfigDirectory }))
  return createRegistryClient({
    policy: {
      registries:
        access === null
          ? {}
          : {
              [access.host]: {
                allowHttp: access.allowHttp,
                allowInternal: access.allowInternal,
                insecureSkipTlsVerify: access.insecureSkipTlsVerify,
                mirrors: access.mirrors,
                tokenHosts: access.tokenHosts,
                ...(access.caCertificate === null ? {} : { caPem: access.caCertificate }),
              },
            },
      imageLimitBytes: settings.maxImageBytes,
    },
    credentials: firstOf(...sources),
    signal: settings.signal,
  })
}

function credentialOf({ credential }: RegistryAccess): RegistryCredential | null {
  if (credential === null) return null
  if (credential.identityToken !== null) return { kind: 'identityToken', identityToken: credential.identityToken }
  if (credential.username === null && credential.password === null) return null
  return { kind: 'basic', username: credential.username ?? '', password: credential.password ?? '' }
}
