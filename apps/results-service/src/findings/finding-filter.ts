import {
  compare,
  type FilterComparison,
  type FilterFieldName,
  type FilterNode,
  filterField,
  filterOf,
  joinFilters,
  type ListFindingsQuery,
  mentionsField,
  PharosError,
} from '@pharos/contracts'

/** The filter that the parameters of a list of an image's findings stand for, together with the filter that was given. */
export function filterOfParameters(query: Partial<ListFindingsQuery>): FilterNode | null {
  const given = filterOf(query.filter, 'findings')
  const conditions: FilterNode[] = given === null ? [] : [given]
  if (query.engine !== undefined) conditions.push(compare('engine', '=', query.engine))
  if (query.severity !== undefined) conditions.push(oneOf('severity', query.severity))
  if (query.minRisk !== undefined) conditions.push(compare('risk', '>=', query.minRisk))
  if (query.kev !== undefined) conditions.push(compare('kev', '=', query.kev === 'true'))
  if (query.fix !== undefined) conditions.push(oneOf('fix', query.fix))
  if (query.package !== undefined) conditions.push(compare('package.name', '~', query.package))
  if (query.type !== undefined) conditions.push(compare('package.type', 'in', ...itemsOf(query.type)))
  if (query.vulnerability !== undefined) conditions.push(compare('vulnerability', '=', query.vulnerability))
  if (query.state !== undefined)
    conditions.push(query.state === 'all' ? compare('state', 'in', 'open', 'gone') : compare('state', '=', query.state))
  else if (given === null || !mentionsField(given, 'state')) conditions.push(compare('state', '=', 'open'))
  return conditions.length === 0 ? null : joinFilters('and', conditions)
}

function itemsOf(list: string): string[] {
  return list.split(',').map((item) => item.trim())
}

/** A comma-separated list of literals. Throws `filter-invalid` for others. */
function oneOf(field: FilterFieldName, list: string): FilterComparison {
  const known = filterField(field).values ?? []
  for (const item of itemsOf(list))
    if (!known.includes(item)) throw new PharosError('filter-invalid', `${field}: "${item.slice(0, 50)}" is not known.`)
  return compare(field, 'in', ...itemsOf(list))
}
