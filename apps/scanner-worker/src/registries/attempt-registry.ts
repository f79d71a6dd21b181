import type { RegistryAccess } from '@pharos/contracts'
import { createDockerCredentialSource, createRegistryClient, firstOf, type RegistryClient, registryClientOptions } from '@pharos/registry'

/** The registry client of one attempt: it holds that attempt's credential in memory, and nothing outlives it. */
export function createAttemptRegistry(
  access: RegistryAccess | null,
  settings: { maxImageBytes: number; dockerConfigDirectory: string | undefined; signal: AbortSignal },
): RegistryClient {
  const own = access === null ? null : registryClientOptions(access)
  const docker = settings.dockerConfigDirectory
  return createRegistryClient({
    policy: { ...own?.policy, imageLimitBytes: settings.maxImageBytes },
    credentials: firstOf(
      ...(own === null ? [] : [own.credentials]),
      ...(docker === undefined ? [] : [createDockerCredentialSource({ directory: docker })]),
    ),
    signal: settings.signal,
  })
}
