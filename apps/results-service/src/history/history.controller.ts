import { Controller, Get } from '@nestjs/common'
import { Digest, DiffQuery, type HistoryPage, type ImageDiff, PageQuery, type Principal } from '@pharos/contracts'
import { ForServices, ValidParams, ValidQuery } from '@pharos/service-kit'
import { z } from 'zod'
import { CurrentPrincipal } from '../access/current-principal.js'
import { visibleRepositories } from '../access/repository-scope.js'
import { DiffService } from './diff.service.js'
import { HistoryService } from './history.service.js'

const ImageParams = z.object({ digest: Digest })
type ImageParams = z.infer<typeof ImageParams>

/** What changed in images, for the gateway. */
@Controller('api/v1/images/:digest')
@ForServices('api-gateway')
export class HistoryController {
  constructor(
    private readonly history: HistoryService,
    private readonly diffs: DiffService,
  ) {}

  @Get('history')
  list(
    @ValidParams(ImageParams) { digest }: ImageParams,
    @ValidQuery(PageQuery) query: PageQuery,
    @CurrentPrincipal() principal: Principal,
  ): Promise<HistoryPage> {
    return this.history.list(digest, query, visibleRepositories(principal))
  }

  @Get('diff')
  diff(
    @ValidParams(ImageParams) { digest }: ImageParams,
    @ValidQuery(DiffQuery) query: DiffQuery,
    @CurrentPrincipal() principal: Principal,
  ): Promise<ImageDiff> {
    return this.diffs.diff(digest, query, visibleRepositories(principal))
  }
}
