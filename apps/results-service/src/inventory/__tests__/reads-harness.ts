import type { EventBody, Principal } from '@pharos/contracts'
import { AuditLog } from '../../audit/audit-log.js'
import { CatalogueStore } from '../../catalogues/catalogue-store.js'
import { PostgresSbomStorageStrategy } from '../../catalogues/postgres-sbom-storage-strategy.js'
import { ContextStore } from '../../contexts/context-store.js'
import { ContextsRepository } from '../../contexts/contexts.repository.js'
import { ContextsService } from '../../contexts/contexts.service.js'
import { LabelStore } from '../../enrichment/label-store.js'
import { EventLog } from '../../events/event-log.js'
import { FindingFacetsRepository } from '../../findings/finding-facets.repository.js'
import { FindingFacetsService } from '../../findings/finding-facets.service.js'
import { FindingSelections } from '../../findings/finding-selection.js'
import { FindingsRepository } from '../../findings/findings.repository.js'
import { FindingsService } from '../../findings/findings.service.js'
import { IssuesService } from '../../findings/issues.service.js'
import { createGenerationStores } from '../../generations/__tests__/generation-stores.js'
import { GenerationsRepository } from '../../generations/generations.repository.js'
import { GenerationsService } from '../../generations/generations.service.js'
import { ImageListService } from '../../images/image-list.service.js'
import { ImageLocator } from '../../images/image-locator.js'
import { ImageVerdicts } from '../../images/image-verdicts.js'
import { ImageView } from '../../images/image-view.js'
import { ImagesRepository } from '../../images/images.repository.js'
import { ImagesService } from '../../images/images.service.js'
import { createInventory, type InventoryHarness } from '../../ingest/__tests__/inventory-harness.js'
import { FleetPackagesRepository } from '../../packages/fleet-packages.repository.js'
import { FleetPackagesService } from '../../packages/fleet-packages.service.js'
import { PackagesRepository } from '../../packages/packages.repository.js'
import { PackagesService } from '../../packages/packages.service.js'
import { FilterCompiler } from '../../query/filter-compiler.js'
import { FilterSets } from '../../query/filter-sets.js'
import { FleetListService } from '../../query/fleet-list.service.js'
import { ImageSbomsService } from '../../sbom-formats/image-sboms.service.js'
import { FleetWorkloadsRepository } from '../../workloads/fleet-workloads.repository.js'
import { FleetWorkloadsService } from '../../workloads/fleet-workloads.service.js'
import { VulnerabilityImagesService } from '../../vulnerabilities/vulnerability-images.service.js'
import { VulnerabilitiesRepository } from '../../vulnerabilities/vulnerabilities.repository.js'
import { VulnerabilitiesService } from '../../vulnerabilities/vulnerabilities.service.js'

/** Somebody who may see these repositories; null is everything. */
export function principalFor(repositories: string[] | null): Principal {
  return { id: 'user:ana', name: 'ana', kind: 'user', roles: ['admin'], scope: { repositories } }
}

/** The services that read the inventory, on a database of their own. */
export async function createReads() {
  const inventory: InventoryHarness = await createInventory()
  const { database } = inventory.results
  const events = new EventLog(database, { eventsWritten: () => undefined } as never)
  const audit = new AuditLog()
  const catalogues = new CatalogueStore(database, new PostgresSbomStorageStrategy(database))
  const locator = new ImageLocator(database)
  const imagesRepository = new ImagesRepository(database)
  const configuration = { scans: { databaseMaxAgeMs: 120 * 3_600_000 } } as never
  const verdicts = new ImageVerdicts(configuration, inventory.clock)
  const view = new ImageView(locator, imagesRepository, catalogues, verdicts, database)
  const compiler = new FilterCompiler(new FilterSets(database, inventory.clock), database, configuration, inventory.clock)
  const lists = new FleetListService(compiler)
  const findingsRepository = new FindingsRepository(database)
  const contextStore = new ContextStore(new LabelStore(), { enrichmentDue: () => undefined } as never)
  const generationStore = createGenerationStores(database, events, inventory.clock).generations
  return {
    inventory,
    catalogues,
    view,
    contextStore,
    generationStore,
    imageLists: new ImageListService(imagesRepository, compiler, verdicts),
    images: new ImagesService(imagesRepository, locator, catalogues, events, audit, database),
    findings: new FindingsService(findingsRepository, new FindingSelections(compiler, database), locator),
    issues: new IssuesService(findingsRepository, locator),
    facets: new FindingFacetsService(new FindingFacetsRepository(database), new FindingSelections(compiler, database)),
    fleetPackages: new FleetPackagesService(new FleetPackagesRepository(database), lists),
    fleetWorkloads: new FleetWorkloadsService(new FleetWorkloadsRepository(database), lists),
    vulnerableImages: new VulnerabilityImagesService(new VulnerabilitiesRepository(database), compiler),
    packages: new PackagesService(new PackagesRepository(database), locator),
    vulnerabilities: new VulnerabilitiesService(new VulnerabilitiesRepository(database)),
    contexts: new ContextsService(new ContextsRepository(database), locator),
    sboms: new ImageSbomsService(catalogues, view, database),
    generations: new GenerationsService(new GenerationsRepository(database), generationStore, audit, database),
    eventBodies: async () =>
      (await inventory.query<{ body: EventBody }>('select body from event order by xid, id')).map(({ body }) => body),
  }
}

export type Reads = Awaited<ReturnType<typeof createReads>>

/** Walks all pages of a list. */
export async function walk<T>(page: (cursor: string | undefined) => Promise<{ items: T[]; nextCursor: string | null }>): Promise<T[]> {
  const items: T[] = []
  for (let cursor: string | undefined; ; ) {
    const next = await page(cursor)
    items.push(...next.items)
    if (next.nextCursor === null) return items
    cursor = next.nextCursor
  }
}
