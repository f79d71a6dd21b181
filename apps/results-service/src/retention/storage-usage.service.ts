import { Injectable } from '@nestjs/common'
import type { StorageUsage } from '@pharos/contracts'
import { InjectConfiguration } from '@pharos/service-kit'
import type { ResultsConfiguration } from '../configuration.js'
import { groupTables } from './storage-groups.js'
import { StorageUsageRepository } from './storage-usage.repository.js'

/** With fewer images the fixed size of tables and their shared facts outweigh what each image adds. */
const fewImages = 100

/** How much is stored, and whether an image takes more than it may. */
@Injectable()
export class StorageUsageService {
  constructor(
    private readonly usage: StorageUsageRepository,
    @InjectConfiguration() private readonly configuration: Pick<ResultsConfiguration, 'retention'>,
  ) {}

  async read(): Promise<StorageUsage> {
    const groups = groupTables(await this.usage.tables())
    const images = await this.usage.images()
    const sum = (chosen: typeof groups) => chosen.reduce((total, { bytes }) => total + bytes, 0)
    const bytesPerImage = images === 0 ? null : Math.round(sum(groups.filter(({ isPerImage }) => isPerImage)) / images)
    const budgetBytesPerImage = this.configuration.retention.imageByteBudget
    return {
      groups,
      totalBytes: sum(groups),
      images,
      bytesPerImage,
      budgetBytesPerImage,
      isWithinBudget: images < fewImages || (bytesPerImage ?? 0) <= budgetBytesPerImage,
    }
  }
}
