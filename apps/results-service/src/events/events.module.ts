import { Global, Module } from '@nestjs/common'
import { EventBroadcast } from './event-broadcast.js'
import { EventLog } from './event-log.js'
import { EventsController } from './events.controller.js'

@Global()
@Module({ controllers: [EventsController], providers: [EventLog, EventBroadcast], exports: [EventLog, EventBroadcast] })
export class EventsModule {}
