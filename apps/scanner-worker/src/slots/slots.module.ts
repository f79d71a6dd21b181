import { Global, Module } from '@nestjs/common'
import { CONFIGURATION } from '@pharos/service-kit'
import type { WorkerConfiguration } from '../configuration.js'
import { SlotPool } from './slot-pool.js'

/** The one pool of slots. */
@Global()
@Module({
  providers: [
    {
      provide: SlotPool,
      inject: [CONFIGURATION],
      useFactory: ({ worker }: WorkerConfiguration) => new SlotPool(worker.slots, worker.interactiveSlots),
    },
  ],
  exports: [SlotPool],
})
export class SlotsModule {}
