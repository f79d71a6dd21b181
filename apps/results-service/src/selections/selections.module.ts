import { Module } from '@nestjs/common'
import { SelectionWorkService } from './selection-work.service.js'
import { SelectionsController } from './selections.controller.js'
import { SelectionsRepository } from './selections.repository.js'
import { SelectionsService } from './selections.service.js'

/** One decision about many findings, with a look before and a way back. */
@Module({ controllers: [SelectionsController], providers: [SelectionWorkService, SelectionsRepository, SelectionsService] })
export class SelectionsModule {}
