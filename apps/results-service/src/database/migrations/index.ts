import type { MigrationInterface } from 'typeorm'
import { CreateTasks1790000000000 } from './1790000000000-create-tasks.js'
import { CreateEvents1790000000001 } from './1790000000001-create-events.js'
import { CreateAccess1790000000002 } from './1790000000002-create-access.js'
import { CreateSchedules1790000000003 } from './1790000000003-create-schedules.js'
import { CreateImages1790000000100 } from './1790000000100-create-images.js'
import { CreateVulnerabilities1790000000101 } from './1790000000101-create-vulnerabilities.js'
import { CreateFindings1790000000102 } from './1790000000102-create-findings.js'
import { CreateGenerations1790000000103 } from './1790000000103-create-generations.js'
import { MoveRiskToScores1790000000200 } from './1790000000200-move-risk-to-scores.js'
import { CreateRematches1790000000210 } from './1790000000210-create-rematches.js'
import { ServeQueries1790000000220 } from './1790000000220-serve-queries.js'
import { CreateWorkloads1790000000230 } from './1790000000230-create-workloads.js'
import { ExtendHistory1790000000240 } from './1790000000240-extend-history.js'
import { CreateSelections1790000000245 } from './1790000000245-create-selections.js'
import { CreateDecisions1790000000250 } from './1790000000250-create-decisions.js'
import { OrderDecisions1790000000260 } from './1790000000260-order-decisions.js'
import { TrackUseOfImages1790000000280 } from './1790000000280-track-use-of-images.js'
import { CreateBaseImages1790000000281 } from './1790000000281-create-base-images.js'
import { PartitionTimeTables1790000000290 } from './1790000000290-partition-time-tables.js'
import { CreateEnrichment1790000000300 } from './1790000000300-create-enrichment.js'
import { CreatePackageSearch1790000000320 } from './1790000000320-create-package-search.js'
import { ServeSearches1790000000330 } from './1790000000330-serve-searches.js'
import { IndexOtherEngines1790000000331 } from './1790000000331-index-other-engines.js'

/** Every migration, in the order in which they run. */
export const migrations: readonly (new () => MigrationInterface)[] = [
  CreateTasks1790000000000,
  CreateEvents1790000000001,
  CreateAccess1790000000002,
  CreateSchedules1790000000003,
  CreateImages1790000000100,
  CreateVulnerabilities1790000000101,
  CreateFindings1790000000102,
  CreateGenerations1790000000103,
  MoveRiskToScores1790000000200,
  CreateRematches1790000000210,
  ServeQueries1790000000220,
  CreateWorkloads1790000000230,
  ExtendHistory1790000000240,
  CreateSelections1790000000245,
  CreateDecisions1790000000250,
  OrderDecisions1790000000260,
  TrackUseOfImages1790000000280,
  CreateBaseImages1790000000281,
  PartitionTimeTables1790000000290,
  CreateEnrichment1790000000300,
  CreatePackageSearch1790000000320,
  ServeSearches1790000000330,
  IndexOtherEngines1790000000331,
]
