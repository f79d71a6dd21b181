import { Global, Inject, Module, type OnApplicationShutdown } from '@nestjs/common'
import { BlobCache } from '@pharos/registry'
import { WorkDirectories } from '@pharos/scanners'
import { CONFIGURATION, PharosLogger } from '@pharos/service-kit'
import type { WorkerConfiguration } from '../configuration.js'
import { storageLayout } from './storage-layout.js'
import { StorageUsage } from './storage-usage.js'

/** Caches and temporary folders; what killed processes left is removed before the first scan. */
@Global()
@Module({
  providers: [
    StorageUsage,
    {
      provide: WorkDirectories,
      inject: [CONFIGURATION, PharosLogger],
      useFactory: async (configuration: WorkerConfiguration, logger: PharosLogger) => {
        const directories = new WorkDirectories(storageLayout(configuration).temporary)
        const removed = await directories.removeStale()
        if (removed > 0) logger.info('storage cleaned', { removedFolders: removed })
        return directories
      },
    },
    {
      provide: BlobCache,
      inject: [CONFIGURATION],
      useFactory: (configuration: WorkerConfiguration) =>
        BlobCache.open({ directory: storageLayout(configuration).blobs, limitBytes: configuration.caches.blobBytes }),
    },
  ],
  exports: [StorageUsage, WorkDirectories, BlobCache],
})
export class StorageModule implements OnApplicationShutdown {
  constructor(@Inject(WorkDirectories) private readonly directories: WorkDirectories) {}

  async onApplicationShutdown(): Promise<void> {
    await this.directories.close()
  }
}
