import { z } from 'zod'

/** What is allowed for one registry. Everything left out is on the strict side. */
export const RegistryHostPolicySchema = z.object({
  allowHttp: z.boolean().optional().describe('Talk plain HTTP to this registry, and only HTTP'),
  allowInternal: z
    .boolean()
    .optional()
    .describe('Allow loopback, private and link-local addresses for this registry, its token hosts and its redirect hosts'),
  allowedAddresses: z
    .array(z.string())
    .optional()
    .describe('CIDR ranges that are allowed for anything this registry leads to, e.g. 10.20.0.0/16'),
  insecureSkipTlsVerify: z
    .boolean()
    .optional()
    .describe("Do not verify the certificate of this registry's own host; never extends to token or redirect hosts"),
  caPem: z.string().optional().describe("PEM certificates trusted beside the system's, for this registry's connections only"),
  mirrors: z
    .array(z.string())
    .optional()
    .describe('host[:port][/prefix], tried in order before the registry itself; each has its own policy and credential'),
  tokenHosts: z.array(z.string()).optional().describe("host[:port] of token servers that may get this registry's credential"),
  redirectHosts: z
    .array(z.string())
    .optional()
    .describe('host[:port] of object stores that blobs may be redirected to although they are internal'),
})
/** The policy of one registry with everything filled in. */
export type RegistryHostPolicy = Required<Omit<z.infer<typeof RegistryHostPolicySchema>, 'caPem'>> & { caPem?: string | undefined }

const STRICT: RegistryHostPolicy = {
  allowHttp: false,
  allowInternal: false,
  allowedAddresses: [],
  insecureSkipTlsVerify: false,
  mirrors: [],
  tokenHosts: [],
  redirectHosts: [],
}

/** Time limits in milliseconds; each that passes is the problem `registry-timeout`. */
export const RegistryTimeoutsSchema = z.object({
  /** Name resolution, TCP and TLS. */
  connectMs: z.int().min(1).default(10_000),
  /** From sending a request to the first byte of its answer. */
  headersMs: z.int().min(1).default(30_000),
  /** Longest silence in a body. */
  idleMs: z.int().min(1).default(30_000),
  /** A whole short request: manifest, token, tag page. */
  shortTotalMs: z.int().min(1).default(60_000),
  /** One blob, its resumptions included. */
  blobTotalMs: z
    .int()
    .min(1)
    .default(30 * 60_000),
})
export type RegistryTimeouts = z.infer<typeof RegistryTimeoutsSchema>

/** How registries may be talked to. */
export const RegistryPolicySchema = z.object({
  /** By `host` or `host:port` as in references (`docker.io` for Docker Hub); `*` holds the defaults of all others. */
  registries: z.record(z.string(), RegistryHostPolicySchema).default({}),
  /** Forward proxy with CONNECT, e.g. `http://proxy.example:3128`. The environment's proxy variables are ignored. */
  proxyUrl: z.string().optional(),
  timeouts: RegistryTimeoutsSchema.prefault({}),
  /** Largest manifest or index. */
  manifestLimitBytes: z
    .int()
    .min(1)
    .default(4 * 1024 * 1024),
  /** Largest image, compressed; null is no limit. */
  imageLimitBytes: z.int().min(1).nullable().default(null),
})
export type RegistryPolicy = z.infer<typeof RegistryPolicySchema>
/** A policy as configured: what is left out has its default. */
export type RegistryPolicyInput = z.input<typeof RegistryPolicySchema>

/** Docker Hub's API is not at the host that references name. */
const API_HOSTS: Record<string, string> = { 'docker.io': 'registry-1.docker.io' }
/** Token servers that are another host than their registry, published by their operators. */
const KNOWN_TOKEN_HOSTS: Record<string, string[]> = {
  'docker.io': ['auth.docker.io'],
  'registry.gitlab.com': ['gitlab.com'],
}

/** One place to get an image from: a registry or one of its mirrors. */
export interface RegistryEndpoint {
  /** Registry as in references; key of policy and credentials. */
  registry: string
  /** `http://host` or `https://host:port`, without a trailing slash. */
  origin: string
  /** Host and port of the origin. */
  host: string
  /** Repository prefix of a mirror, with a trailing slash, or empty. */
  prefix: string
  policy: RegistryHostPolicy
}

/** Without the keys that are there but undefined: they must not undo a default. */
function stated(entry: z.infer<typeof RegistryHostPolicySchema> = {}): Partial<RegistryHostPolicy> {
  return Object.fromEntries(Object.entries(entry).filter(([, value]) => value !== undefined))
}

/** The policy of one registry: its own entry over `*` over the strict one. */
export function policyOf(policy: RegistryPolicy, registry: string): RegistryHostPolicy {
  return { ...STRICT, ...stated(policy.registries['*']), ...stated(policy.registries[registry]) }
}

function endpoint(policy: RegistryPolicy, registry: string, prefix: string): RegistryEndpoint {
  const hostPolicy = policyOf(policy, registry)
  const host = API_HOSTS[registry] ?? registry
  return { registry, origin: `${hostPolicy.allowHttp ? 'http' : 'https'}://${host}`, host, prefix, policy: hostPolicy }
}

/** The registry itself, without its mirrors. */
export function originEndpoint(policy: RegistryPolicy, registry: string): RegistryEndpoint {
  return endpoint(policy, registry, '')
}

/** Where to look for an image of this registry: its mirrors in order, then itself. */
export function endpointsOf(policy: RegistryPolicy, registry: string): RegistryEndpoint[] {
  const mirrors = policyOf(policy, registry).mirrors.map((mirror) => {
    const slash = mirror.indexOf('/')
    return slash < 0
      ? endpoint(policy, mirror, '')
      : endpoint(policy, mirror.slice(0, slash), `${mirror.slice(slash + 1).replace(/\/+$/, '')}/`)
  })
  return [...mirrors, originEndpoint(policy, registry)]
}

/** Whether a URL's host is in a list of `host` (any port of the scheme's default) or `host:port`. */
export function isHostListed(url: URL, hosts: readonly string[]): boolean {
  return hosts.includes(url.host)
}

/** Whether a token server may get the registry's credential: https on the registry's own host, or a named host. */
export function isTokenHostTrusted(realm: URL, at: RegistryEndpoint): boolean {
  const own = new URL(at.origin)
  if (realm.protocol === 'http:') return at.policy.allowHttp && (realm.host === own.host || isHostListed(realm, at.policy.tokenHosts))
  if (realm.protocol !== 'https:') return false
  // Another port of the same machine can belong to someone else; the default https port is the host's own.
  return (
    realm.host === own.host ||
    realm.host === own.hostname ||
    isHostListed(realm, at.policy.tokenHosts) ||
    isHostListed(realm, KNOWN_TOKEN_HOSTS[at.registry] ?? [])
  )
}
