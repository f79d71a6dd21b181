import { Injectable } from '@nestjs/common'
import type { FleetPackage, FleetPackagePage, Principal, QueryPackages } from '@pharos/contracts'
import { originalText } from '../inventory/stored-text.js'
import { type FleetList, FleetListService } from '../query/fleet-list.service.js'
import { type FleetPackageRow, FleetPackagesRepository, occurrenceLimit } from './fleet-packages.repository.js'
import { packageRefOf } from './package-view.js'

/** Lists the packages of all images that the caller may see. */
@Injectable()
export class FleetPackagesService {
  private readonly byName: FleetList<FleetPackageRow, FleetPackage> = {
    name: 'fleet-packages',
    resource: 'packages',
    cursorTypes: ['text', 'int'],
    keyOf: (row) => [row.sort_name, row.id],
    toItem: fleetPackageOf,
    read: (query, isReversed, position, limit) => this.packages.list(query, isReversed, position, limit),
    count: (query) => this.packages.count(query),
  }

  constructor(
    private readonly packages: FleetPackagesRepository,
    private readonly lists: FleetListService,
  ) {}

  list(query: QueryPackages, principal: Principal): Promise<FleetPackagePage> {
    return this.lists.page(this.byName, query, principal)
  }
}

function fleetPackageOf(row: FleetPackageRow): FleetPackage {
  return {
    id: row.id,
    ...packageRefOf(row),
    distro: row.distro && originalText(row.distro),
    language: row.language && originalText(row.language),
    images: { count: row.image_count, isCapped: row.occurrence_count > occurrenceLimit },
    vulnerabilities: row.vulnerability_count,
  }
}
