import { Module } from '@nestjs/common'
import { ChangeNews } from './change-news.js'
import { ChangesController } from './changes.controller.js'
import { ChangesRepository } from './changes.repository.js'
import { ChangesService } from './changes.service.js'

/** What changed, in commit order, for whoever keeps a copy. */
@Module({ controllers: [ChangesController], providers: [ChangeNews, ChangesRepository, ChangesService] })
export class ChangesModule {}
