import { Controller, Get } from '@nestjs/common'
import { Digest, type Principal } from '@pharos/contracts'
import { ForServices, ValidParams } from '@pharos/service-kit'
import { z } from 'zod'
import { CurrentPrincipal } from '../access/current-principal.js'
import { visibleRepositories } from '../access/repository-scope.js'
import { ContextsService } from './contexts.service.js'

const ImageParams = z.object({ digest: Digest })

/** Contexts of an image, for the gateway. */
@Controller('api/v1/images/:digest/contexts')
@ForServices('api-gateway')
export class ContextsController {
  constructor(private readonly contexts: ContextsService) {}

  @Get()
  list(@ValidParams(ImageParams) { digest }: z.infer<typeof ImageParams>, @CurrentPrincipal() principal: Principal) {
    return this.contexts.list(digest, visibleRepositories(principal))
  }
}
