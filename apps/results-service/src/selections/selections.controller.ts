import { Controller, Get, HttpCode, Post } from '@nestjs/common'
import { ApplySelection, CreateSelection, type Principal, type Selection, SelectionToken } from '@pharos/contracts'
import { ForServices, ValidBody, ValidParams } from '@pharos/service-kit'
import { z } from 'zod'
import { CurrentPrincipal } from '../access/current-principal.js'
import { SelectionsService } from './selections.service.js'

const SelectionParams = z.object({ token: SelectionToken })
type SelectionParams = z.infer<typeof SelectionParams>

/** Selections of findings for the gateway. */
@Controller('api/v1/selections')
@ForServices('api-gateway')
export class SelectionsController {
  constructor(private readonly selections: SelectionsService) {}

  @Post()
  create(@ValidBody(CreateSelection) body: CreateSelection, @CurrentPrincipal() principal: Principal): Promise<Selection> {
    return this.selections.create(body, principal)
  }

  @Get(':token')
  get(@ValidParams(SelectionParams) { token }: SelectionParams, @CurrentPrincipal() principal: Principal): Promise<Selection> {
    return this.selections.get(token, principal)
  }

  @Post(':token/-/apply')
  @HttpCode(202)
  apply(
    @ValidParams(SelectionParams) { token }: SelectionParams,
    @ValidBody(ApplySelection) { decision }: ApplySelection,
    @CurrentPrincipal() principal: Principal,
  ): Promise<Selection> {
    return this.selections.apply(token, decision, principal)
  }

  @Post(':token/-/undo')
  @HttpCode(202)
  undo(@ValidParams(SelectionParams) { token }: SelectionParams, @CurrentPrincipal() principal: Principal): Promise<Selection> {
    return this.selections.undo(token, principal)
  }
}
