import { Controller, Delete, Get, HttpCode, Post } from '@nestjs/common'
import { CreateEnricherSet, ListContextDifferences, PageQuery, type Principal, TestEnrichers, Uuid } from '@pharos/contracts'
import { ForServices, ValidBody, ValidParams, ValidQuery } from '@pharos/service-kit'
import { z } from 'zod'
import { CurrentPrincipal } from '../access/current-principal.js'
import { visibleRepositories } from '../access/repository-scope.js'
import { EnricherOverviewService } from './enricher-overview.service.js'
import { EnricherRunsService } from './enricher-runs.service.js'
import { EnricherSetsService } from './enricher-sets.service.js'
import { EnricherTestsService } from './enricher-tests.service.js'

const IdParams = z.object({ id: Uuid })
type IdParams = z.infer<typeof IdParams>

/** Enrichers, for the gateway. */
@Controller('api/v1/enrichers')
@ForServices('api-gateway')
export class EnrichersController {
  constructor(
    private readonly overview: EnricherOverviewService,
    private readonly tests: EnricherTestsService,
  ) {}

  @Get()
  read(@CurrentPrincipal() principal: Principal) {
    return this.overview.read(principal)
  }

  @Post('-/test')
  @HttpCode(200)
  test(@ValidBody(TestEnrichers) body: TestEnrichers, @CurrentPrincipal() principal: Principal) {
    return this.tests.run(body, principal)
  }
}

/** Sets of enrichers, for the gateway. */
@Controller('api/v1/enrichers/sets')
@ForServices('api-gateway')
export class EnricherSetsController {
  constructor(
    private readonly sets: EnricherSetsService,
    private readonly runs: EnricherRunsService,
  ) {}

  @Get()
  list(@ValidQuery(PageQuery) query: PageQuery) {
    return this.sets.list(query)
  }

  @Post()
  @HttpCode(201)
  create(@ValidBody(CreateEnricherSet) body: CreateEnricherSet, @CurrentPrincipal() principal: Principal) {
    return this.sets.create(body, principal)
  }

  @Get(':id')
  get(@ValidParams(IdParams) { id }: IdParams) {
    return this.sets.get(id)
  }

  @Delete(':id')
  @HttpCode(204)
  remove(@ValidParams(IdParams) { id }: IdParams, @CurrentPrincipal() principal: Principal) {
    return this.sets.remove(id, principal)
  }

  @Post(':id/-/activate')
  @HttpCode(202)
  activate(@ValidParams(IdParams) { id }: IdParams, @CurrentPrincipal() principal: Principal) {
    return this.runs.activate(id, principal)
  }

  @Post(':id/-/compare')
  @HttpCode(202)
  compare(@ValidParams(IdParams) { id }: IdParams, @CurrentPrincipal() principal: Principal) {
    return this.runs.compare(id, principal)
  }
}

/** Runs of sets over the fleet, for the gateway. */
@Controller('api/v1/enrichers/runs')
@ForServices('api-gateway')
export class EnricherRunsController {
  constructor(private readonly runs: EnricherRunsService) {}

  @Get()
  list(@ValidQuery(PageQuery) query: PageQuery) {
    return this.runs.list(query)
  }

  @Get(':id')
  get(@ValidParams(IdParams) { id }: IdParams, @CurrentPrincipal() principal: Principal) {
    return this.runs.get(id, principal)
  }

  @Get(':id/differences')
  differences(
    @ValidParams(IdParams) { id }: IdParams,
    @ValidQuery(ListContextDifferences) query: ListContextDifferences,
    @CurrentPrincipal() principal: Principal,
  ) {
    return this.runs.differences(id, query, visibleRepositories(principal))
  }

  @Post(':id/-/pause')
  @HttpCode(200)
  pause(@ValidParams(IdParams) { id }: IdParams, @CurrentPrincipal() principal: Principal) {
    return this.runs.pause(id, true, principal)
  }

  @Post(':id/-/resume')
  @HttpCode(200)
  resume(@ValidParams(IdParams) { id }: IdParams, @CurrentPrincipal() principal: Principal) {
    return this.runs.pause(id, false, principal)
  }

  @Post(':id/-/cancel')
  @HttpCode(200)
  cancel(@ValidParams(IdParams) { id }: IdParams, @CurrentPrincipal() principal: Principal) {
    return this.runs.cancel(id, principal)
  }
}
