import { mkdir } from 'node:fs/promises'
import { Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common'
import { WorkDirectories } from '@pharos/scanners'
import { InjectConfiguration, PharosLogger } from '@pharos/service-kit'
import type { SchedulerConfiguration } from '../configuration.js'

/** Private folders for archives; what a killed process left is removed at the next start. */
@Injectable()
export class DatabaseWorkspace implements OnModuleInit, OnModuleDestroy {
  private readonly directories: WorkDirectories

  constructor(
    @InjectConfiguration() configuration: SchedulerConfiguration,
    private readonly logger: PharosLogger,
  ) {
    this.directories = new WorkDirectories(configuration.databases.cacheDirectory)
  }

  async onModuleInit(): Promise<void> {
    await mkdir(this.directories.root, { recursive: true })
    const removed = await this.directories.removeStale()
    if (removed > 0) this.logger.info('workspace cleaned', { removed })
  }

  async onModuleDestroy(): Promise<void> {
    await this.directories.close()
  }

  /** Gives a folder that is gone afterwards. */
  async use<T>(name: string, work: (directory: string) => Promise<T>): Promise<T> {
    const directory = await this.directories.create(name)
    try {
      return await work(directory)
    } finally {
      await this.directories.remove(directory)
    }
  }
}
