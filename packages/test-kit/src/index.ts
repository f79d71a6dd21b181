export { findTool } from './find-tool.js'
export { pharosHome, repositoryDirectory, toolPath } from './paths.js'

export { endOrphans, registerChild } from './process/child-register.js'
export { freePort } from './process/free-port.js'
export { withLock } from '../plain/lock-file.mjs'
export { endProcess, identifyProcess, isAlive, processStart, waitUntil, type ProcessIdentity } from '../plain/process-identity.mjs'

export { removePostgresCluster } from './postgres/postgres-cluster.js'
export { launchPostgres, type LaunchPostgresOptions, type RunningPostgres } from './postgres/postgres-server.js'
export { stopSharedPostgres } from './postgres/shared-postgres.js'
export { startPostgres, type TestPostgres } from './postgres/start-postgres.js'
export { dropTestDatabases, ensureDatabase, type DatabaseTemplate, type TestDatabase } from './postgres/test-database.js'

export { launchRedis, type LaunchRedisOptions, type RunningRedis } from './redis/redis-server.js'
export { startClusterRedis, type ClusterRedis } from './redis/start-cluster-redis.js'
export { startSentinelRedis, type SentinelRedis } from './redis/start-sentinel-redis.js'
export { startRedis, type StartRedisOptions, type TestRedis } from './redis/start-redis.js'

export { fileBlob, memoryBlob, readBlob, sha256, type Blob, type ByteRange } from './oci/blob.js'
export {
  buildImage,
  buildIndex,
  type Descriptor,
  type ImageParts,
  type MediaFamily,
  type PreparedImage,
  type StoredManifest,
} from './oci/image.js'
export { buildLayer, type Layer, type LayerEntry, type LayerOptions } from './oci/layer.js'
export { writeOciLayout } from './oci/layout.js'

export { startRegistry, type RegistryRequest, type StartRegistryOptions, type TestRegistry } from './registry/registry-server.js'
export type { RegistryAccess } from './registry/registry-access.js'
export type { FaultRule, RegistryFault } from './registry/registry-fault.js'
export { pushImage, type PushTarget } from './registry/push-image.js'
export { startCraneRegistry, startDockerRegistry, type Availability, type ForeignRegistry } from './registry/other-registries.js'

export {
  buildMultiPlatformImage,
  buildSampleImage,
  buildSampleImages,
  sampleImageNames,
  sampleTag,
  type SampleImageName,
  type SampleImages,
} from './sample-images/sample-images.js'
export {
  buildEmptyImage,
  buildLyingImage,
  buildNotAnArchiveImage,
  buildSecretsImage,
  buildWindowsImage,
  buildWrongDiffIdImage,
  buildZipBombImage,
} from './sample-images/difficult-images.js'
export { buildBenchImages, type BenchImage, type BenchSet } from './sample-images/bench-images.js'

export { sampleDatabases, type SampleDatabases, type SampleEdition } from './databases/sample-databases.js'
export { startDatabaseFeed, type DatabaseFeed } from './databases/database-feed.js'
