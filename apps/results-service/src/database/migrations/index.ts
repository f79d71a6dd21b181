import type { MigrationInterface } from 'typeorm'
import { CreateTasks1790000000000 } from './1790000000000-create-tasks.js'
import { CreateEvents1790000000001 } from './1790000000001-create-events.js'
import { CreateAccess1790000000002 } from './1790000000002-create-access.js'
import { CreateSchedules1790000000003 } from './1790000000003-create-schedules.js'

/** Every migration, in the order in which they run. */
export const migrations: readonly (new () => MigrationInterface)[] = [
  CreateTasks1790000000000,
  CreateEvents1790000000001,
  CreateAccess1790000000002,
  CreateSchedules1790000000003,
]
