/** SQL that is true or false of a row, given the alias under which the row stands; never null, so that `not` holds. */
export type SqlCondition = (alias: string) => string

/** All of the conditions; no condition is true. */
export function every(conditions: readonly SqlCondition[]): SqlCondition {
  return (alias) => (conditions.length === 0 ? 'true' : conditions.map((condition) => condition(alias)).join(' and '))
}
