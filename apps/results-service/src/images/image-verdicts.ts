import { Inject, Injectable } from '@nestjs/common'
import type { ImageVerdict } from '@pharos/contracts'
import { type Clock, CONFIGURATION, InjectClock } from '@pharos/service-kit'
import type { ResultsConfiguration } from '../configuration.js'
import { verdictOf } from './image-verdict.js'
import type { EngineSummaryRow, ImageRow } from './images.repository.js'

/** Verdicts on images, as of now and by the configured age of databases. */
@Injectable()
export class ImageVerdicts {
  constructor(
    @Inject(CONFIGURATION) private readonly configuration: Pick<ResultsConfiguration, 'scans'>,
    @InjectClock() private readonly clock: Clock,
  ) {}

  of(image: ImageRow, engines: readonly EngineSummaryRow[]): ImageVerdict {
    const coverage = {
      isCatalogued: image.cataloguer !== null,
      packageCount: image.package_count,
      unreadableFiles: image.cataloguer?.unreadable.length ?? 0,
    }
    return verdictOf(coverage, engines, this.clock.nowMs(), this.configuration.scans.databaseMaxAgeMs)
  }
}
