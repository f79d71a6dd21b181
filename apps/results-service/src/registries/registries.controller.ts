import { Controller, Delete, Get, HttpCode, Post, Put } from '@nestjs/common'
import { PageQuery, type Principal, PutRegistry } from '@pharos/contracts'
import { ForServices, ValidBody, ValidParams, ValidQuery } from '@pharos/service-kit'
import { z } from 'zod'
import { CurrentPrincipal } from '../access/current-principal.js'
import { RegistriesService } from './registries.service.js'

const HostParams = z.object({ host: z.string().max(255) })
type HostParams = z.infer<typeof HostParams>

@Controller('api/v1/registries')
@ForServices('api-gateway')
export class RegistriesController {
  constructor(private readonly registries: RegistriesService) {}

  @Get()
  list(@ValidQuery(PageQuery) query: PageQuery) {
    return this.registries.list(query)
  }

  @Post('-/rotate-key')
  @HttpCode(200)
  rotateKey(@CurrentPrincipal() principal: Principal) {
    return this.registries.rotateKey(principal)
  }

  @Get(':host')
  get(@ValidParams(HostParams) { host }: HostParams) {
    return this.registries.get(host)
  }

  @Put(':host')
  put(@ValidParams(HostParams) { host }: HostParams, @ValidBody(PutRegistry) body: PutRegistry, @CurrentPrincipal() principal: Principal) {
    return this.registries.put(host, body, principal)
  }

  @Delete(':host')
  @HttpCode(204)
  remove(@ValidParams(HostParams) { host }: HostParams, @CurrentPrincipal() principal: Principal) {
    return this.registries.remove(host, principal)
  }
}
