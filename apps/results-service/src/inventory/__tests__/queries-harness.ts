import type { Clock } from '@pharos/service-kit'
import type { Database } from '../../database/transaction.js'
import { FindingFacetsRepository } from '../../findings/finding-facets.repository.js'
import { FindingFacetsService } from '../../findings/finding-facets.service.js'
import { FindingSelections } from '../../findings/finding-selection.js'
import { FindingsRepository } from '../../findings/findings.repository.js'
import { FindingsService } from '../../findings/findings.service.js'
import { ImageListService } from '../../images/image-list.service.js'
import { ImageLocator } from '../../images/image-locator.js'
import { ImageVerdicts } from '../../images/image-verdicts.js'
import { ImagesRepository } from '../../images/images.repository.js'
import { FleetPackagesRepository } from '../../packages/fleet-packages.repository.js'
import { FleetPackagesService } from '../../packages/fleet-packages.service.js'
import { FilterCompiler } from '../../query/filter-compiler.js'
import { FilterSets } from '../../query/filter-sets.js'
import { FleetListService } from '../../query/fleet-list.service.js'
import { VulnerabilitiesRepository } from '../../vulnerabilities/vulnerabilities.repository.js'
import { VulnerabilityImagesService } from '../../vulnerabilities/vulnerability-images.service.js'
import { FleetWorkloadsRepository } from '../../workloads/fleet-workloads.repository.js'
import { FleetWorkloadsService } from '../../workloads/fleet-workloads.service.js'

/** Databases older than this are stale, in tests. */
const databaseMaxAgeMs = 120 * 3_600_000

class ManyInSets extends FilterSets {
  protected override readonly limits = { vulnerabilities: 0, packages: 0 }
}

class ManyInSelections extends FindingSelections {
  protected override readonly limits = { images: 0, decisions: 0 }
}

/**
 * The services that answer questions to the whole fleet. With `isLarge` they take the ways that they take in a large one, where
 * nothing that a filter names is few.
 */
export function createQueries(database: Database, clock: Clock, isLarge = false) {
  const configuration = { scans: { databaseMaxAgeMs } } as never
  const compiler = new FilterCompiler(new (isLarge ? ManyInSets : FilterSets)(database, clock), database, configuration, clock)
  const lists = new FleetListService(compiler)
  const selections = new (isLarge ? ManyInSelections : FindingSelections)(compiler, database)
  const findings = new FindingsRepository(database)
  const verdicts = new ImageVerdicts(configuration, clock)
  return {
    verdicts,
    findingsRepository: findings,
    findings: new FindingsService(findings, selections, new ImageLocator(database)),
    images: new ImageListService(new ImagesRepository(database), compiler, verdicts),
    packages: new FleetPackagesService(new FleetPackagesRepository(database), lists),
    workloads: new FleetWorkloadsService(new FleetWorkloadsRepository(database), lists),
    facets: new FindingFacetsService(new FindingFacetsRepository(database), selections),
    vulnerableImages: new VulnerabilityImagesService(new VulnerabilitiesRepository(database), compiler),
  }
}
