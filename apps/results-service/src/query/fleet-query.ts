import type { SqlCondition } from './sql-condition.js'
import type { SqlParameters } from './sql-parameters.js'

/** What a list of the fleet is asked for; `$1` is the scope. */
export interface FleetQuery {
  readonly parameters: SqlParameters
  /** Of a row of the resource's table. */
  readonly condition: SqlCondition
}
