import { Global, Module } from '@nestjs/common'
import { WorkerHeartbeatService } from './worker-heartbeat.service.js'
import { WorkerIdentity } from './worker-identity.js'

/** This worker among the others. */
@Global()
@Module({ providers: [WorkerIdentity, WorkerHeartbeatService], exports: [WorkerIdentity] })
export class WorkersModule {}
