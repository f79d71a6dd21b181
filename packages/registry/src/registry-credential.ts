/** What a registry wants to see. Never logged, never in a message. */
export type RegistryCredential =
  | { kind: 'basic'; username: string; password: string }
  /** OAuth2 refresh token, Docker's `identitytoken`. */
  | { kind: 'identityToken'; identityToken: string }
  /** A bearer token sent as it is, Docker's `registrytoken`. */
  | { kind: 'registryToken'; token: string }

/** Where credentials come from. The registry is named as in references (`docker.io`, `host:port`). */
export interface RegistryCredentialSource {
  /**
   * The credential for exactly this registry, or null for anonymous access.
   * @throws PharosError `registry-credential-unavailable`
   */
  find(registry: string): Promise<RegistryCredential | null>
}

/** Credentials from a map, e.g. the one credential that came with an attempt. */
export function fixedCredentials(credentials: Readonly<Record<string, RegistryCredential>>): RegistryCredentialSource {
  const byRegistry = new Map(Object.entries(credentials))
  return { find: (registry) => Promise.resolve(byRegistry.get(registry) ?? null) }
}

/** The first source that has a credential for a registry gives it. */
export function firstOf(...sources: readonly RegistryCredentialSource[]): RegistryCredentialSource {
  return {
    find: async (registry) => {
      for (const source of sources) {
        const credential = await source.find(registry)
        if (credential !== null) return credential
      }
      return null
    },
  }
}
