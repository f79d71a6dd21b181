import { Module } from '@nestjs/common'
import { TaskLedgerModule } from '../tasks/task-ledger.module.js'
import { UnknownImageSubmission } from './unknown-image-submission.js'
import { LateLinksService } from './late-links.service.js'
import { WorkloadClustersController } from './workload-clusters.controller.js'
import { WorkloadClustersRepository } from './workload-clusters.repository.js'
import { WorkloadClustersService } from './workload-clusters.service.js'
import { WorkloadSnapshotsService } from './workload-snapshots.service.js'
import { WorkloadStore } from './workload-store.js'

/** What runs where, as clusters tell it. */
@Module({
  imports: [TaskLedgerModule],
  controllers: [WorkloadClustersController],
  providers: [
    WorkloadClustersService,
    WorkloadClustersRepository,
    WorkloadSnapshotsService,
    LateLinksService,
    WorkloadStore,
    UnknownImageSubmission,
  ],
})
export class WorkloadsModule {}
