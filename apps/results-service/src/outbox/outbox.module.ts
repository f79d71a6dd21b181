import { Module } from '@nestjs/common'
import { OutboxRelay } from './outbox-relay.js'
import { OutboxRepository } from './outbox.repository.js'
import { ScanQueues } from './scan-queues.js'

@Module({ providers: [OutboxRelay, OutboxRepository, ScanQueues], exports: [OutboxRelay] })
export class OutboxModule {}
