import type { ListFindingsQuery } from '@pharos/contracts'
import type { KeysetType } from '../database/keyset.js'
import { behind, type OrderColumn, orderBy, type WalkPosition } from '../query/walkable-page.js'
import type { FindingSelection } from './finding-selection.js'

/** Orders without their direction. */
type FindingOrder = 'risk' | 'severity' | 'epss' | 'firstSeen' | 'package' | 'vulnerability'

/** A chosen finding with the values that its place in the order is made of. */
export interface ChosenFinding {
  id: string
  sort_key: string | number
  vulnerability_id: string
  image_id: string
}

interface FindingSort {
  readonly order: FindingOrder
  readonly isReversed: boolean
}

/** Names run upwards, everything else from the highest to the lowest; `-` and none are the two directions of one order. */
function sortOf(sort: ListFindingsQuery['sort']): FindingSort {
  if (sort === 'package' || sort === 'vulnerability') return { order: sort, isReversed: false }
  const isDescending = sort.startsWith('-')
  return { order: (isDescending ? sort.slice(1) : sort) as FindingOrder, isReversed: !isDescending }
}

/** Where the vulnerabilities stand in the order of a list (alias s), and their key in it. */
const walks = {
  risk: { from: 'vulnerability_score s', key: 's.risk', type: 'real' },
  epss: { from: 'vulnerability_score s', key: 'coalesce(s.epss, -1)', type: 'float8' },
  severity: { from: '(select id as vulnerability_id, severity from vulnerability) s', key: 's.severity', type: 'int2' },
} as const

/** Names are cut in sort keys: they may be any length, and a cursor may not. Ties are broken by id. */
const names = {
  package: { join: 'join package sp on sp.id = f.package_id', key: 'left(sp.name, 100) collate "C"' },
  vulnerability: {
    join: 'join vulnerability sv on sv.id = f.vulnerability_id join vulnerability_group sg on sg.id = sv.group_id',
    key: 'left(sg.canonical_id, 100) collate "C"',
  },
} as const

const idColumn: OrderColumn = { sql: 'f.id', type: 'uuid', isDescending: false }

/** Columns whose values a cursor of this order holds. */
export function cursorValues(sort: ListFindingsQuery['sort'], row: ChosenFinding): (string | number)[] {
  const { order } = sortOf(sort)
  return order in walks ? [row.sort_key, row.vulnerability_id, row.image_id, row.id] : [row.sort_key, row.id]
}

/** What these values are. */
export function cursorTypes(sort: ListFindingsQuery['sort']): KeysetType[] {
  const { order } = sortOf(sort)
  if (order === 'firstSeen') return ['time', 'uuid']
  if (order === 'package' || order === 'vulnerability') return ['text', 'uuid']
  return [order === 'severity' ? 'code' : 'number', 'int', 'int', 'uuid']
}

/** The statement that chooses the ids of a page. Its parameters are added to those of the selection. */
export function chooseFindings(
  selection: FindingSelection,
  sort: ListFindingsQuery['sort'],
  position: WalkPosition | null,
  limit: number,
): string {
  const { order, isReversed } = sortOf(sort)
  const isAgainst = isReversed !== (position?.isBackward === true)
  if (order === 'risk' || order === 'epss' || order === 'severity') {
    return selection.source === null
      ? walkVulnerabilities(selection, order, isAgainst, position, limit)
      : sortFindings(selection, ofFinding(order), vulnerabilityOrder(order), isAgainst, position, limit)
  }
  if (order === 'firstSeen') {
    const columns = [
      { sql: 'f.first_seen_at', type: 'timestamptz', isDescending: true },
      { ...idColumn, isDescending: true },
    ]
    return sortFindings(selection, '', columns, isAgainst, position, limit)
  }
  const { join, key } = names[order]
  return sortFindings(selection, join, [{ sql: key, type: 'text', isDescending: false }, idColumn], isAgainst, position, limit)
}

/** The offset keeps the planner from walking all vulnerabilities beside the few findings. */
function ofFinding(order: keyof typeof walks): string {
  return `cross join lateral (select s.* from ${walks[order].from} where s.vulnerability_id = f.vulnerability_id offset 0) s`
}

function vulnerabilityOrder(order: keyof typeof walks): OrderColumn[] {
  const { key, type } = walks[order]
  return [
    { sql: key, type, isDescending: true },
    { sql: 's.vulnerability_id', type: 'int8', isDescending: false },
    { sql: 'f.image_id', type: 'int8', isDescending: false },
    idColumn,
  ]
}

/** Reads what was selected and sorts it, or follows an index of findings in the order. */
function sortFindings(
  selection: FindingSelection,
  join: string,
  columns: readonly OrderColumn[],
  isReversed: boolean,
  position: WalkPosition | null,
  limit: number,
): string {
  const { parameters, condition } = selection
  const [key] = columns
  const source = selection.source ?? 'finding f'
  const after = position === null ? 'true' : behind(columns, isReversed, position.values, parameters)
  // A moment goes as text: a Date would cut its microseconds.
  const sortKey = key?.type === 'timestamptz' ? `${key.sql}::text` : key?.sql
  return `select f.id, ${sortKey} as sort_key, f.vulnerability_id, f.image_id from ${source} ${join}
     where ${condition('f')} and ${after} order by ${orderBy(columns, isReversed)} limit ${limit}`
}

/**
 * Walks the vulnerabilities in the order of an index and takes of each no more findings than the page holds: a vulnerability
 * of half the fleet is not sorted to show 50 rows of it.
 */
function walkVulnerabilities(
  { parameters, condition, vulnerabilityCondition }: FindingSelection,
  order: keyof typeof walks,
  isReversed: boolean,
  position: WalkPosition | null,
  limit: number,
): string {
  const { from, key } = walks[order]
  const columns = vulnerabilityOrder(order)
  const [outer, inner] = [columns.slice(0, 2), columns.slice(2)]
  let begin = 'true'
  let within = 'true'
  if (position !== null) {
    const [keyValue, vulnerabilityId, imageId, id] = position.values
    const at = parameters.add(vulnerabilityId, 'int8')
    const image = parameters.add(imageId, 'int8')
    const keyBound = isReversed ? '>=' : '<='
    const value = parameters.add(keyValue, walks[order].type)
    begin = `${key} ${keyBound} ${value} and (${key} ${isReversed ? '>' : '<'} ${value} or s.vulnerability_id ${isReversed ? '<=' : '>='} ${at})`
    // The bound on the image keeps the page deep within one vulnerability from reading what stands before it.
    const edge = isReversed ? "'9223372036854775807'::int8" : '0'
    within = `f.image_id ${isReversed ? '<=' : '>='} case when s.vulnerability_id = ${at} then ${image} else ${edge} end
      and (s.vulnerability_id <> ${at} or ${behind(inner, isReversed, [imageId ?? null, id ?? null], parameters)})`
  }
  return `select f.id, ${key} as sort_key, s.vulnerability_id, f.image_id
     from ${from} cross join lateral (
       select f.id, f.image_id from finding f where f.vulnerability_id = s.vulnerability_id and ${condition('f')} and ${within}
        order by ${orderBy(inner, isReversed)} limit ${limit}) f
    where ${vulnerabilityCondition('s')} and ${begin}
    order by ${orderBy([...outer, ...inner], isReversed)} limit ${limit}`
}
