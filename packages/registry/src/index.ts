export { isInternalAddress } from '@pharos/address-policy'
export { BlobCache, type BlobCacheOptions, type BlobCacheUsage } from './blob-cache.js'
export { createDockerCredentialSource, type DockerCredentialOptions } from './docker-credentials.js'
export { digestOf, isDigest } from './digest.js'
export type { ImageConfig, ImageHistoryEntry } from './image-config.js'
export type { Descriptor, ImageManifest } from './image-manifest.js'
export type { PulledImage, PullOptions, PullProgress } from './image-pull.js'
export { formatImageReference, parseImageReference, parseRepository, type ImageReference } from './image-reference.js'
export { layoutBlobPath } from './oci-layout.js'
export { DEFAULT_PLATFORM, formatPlatform, normalisePlatform, parsePlatform, type Platform } from './platform.js'
export { registryClientOptions } from './registry-access.js'
export { createRegistryClient, type PingResult, type RegistryClient, type RegistryClientOptions } from './registry-client.js'
export { firstOf, fixedCredentials, type RegistryCredential, type RegistryCredentialSource } from './registry-credential.js'
export {
  RegistryHostPolicySchema,
  RegistryPolicySchema,
  RegistryTimeoutsSchema,
  type RegistryHostPolicy,
  type RegistryPolicy,
  type RegistryPolicyInput,
  type RegistryTimeouts,
} from './registry-policy.js'
export type { ResolvedImage, ResolvedLayer } from './resolved-image.js'
export type { TagList } from './tag-list.js'
