import { Module } from '@nestjs/common'
import { QueuesModule } from '../queues/queues.module.js'
import { WorkersModule } from '../workers/workers.module.js'
import { SystemController } from './system.controller.js'
import { SystemRepository } from './system.repository.js'
import { SystemService } from './system.service.js'

@Module({ imports: [WorkersModule, QueuesModule], controllers: [SystemController], providers: [SystemService, SystemRepository] })
export class SystemModule {}
