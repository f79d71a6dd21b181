import type { FilterFieldName, FilterOperator } from './filter-fields.js'

/** A value: a number or boolean for fields of these types, else a text. A time stays as it was written: `-7d` moves with the clock. */
export type FilterValue = string | number | boolean

/** A condition on one field; only `in` has several values. */
export interface FilterComparison {
  readonly kind: 'comparison'
  readonly field: FilterFieldName
  readonly operator: FilterOperator
  readonly values: readonly FilterValue[]
}

/** A parsed filter. Operands of `and` and `or` are at least two, and none is of the same kind as its parent. */
export type FilterNode =
  | { readonly kind: 'and' | 'or'; readonly operands: readonly FilterNode[] }
  | { readonly kind: 'not'; readonly operand: FilterNode }
  | FilterComparison

/** Joins conditions; nested ones of the same kind are drawn in, and one alone stays itself. */
export function joinFilters(kind: 'and' | 'or', operands: readonly FilterNode[]): FilterNode {
  const flat = operands.flatMap((operand) => (operand.kind === kind ? operand.operands : [operand]))
  const [only] = flat
  if (only === undefined) throw new Error('a filter joins at least one condition')
  return flat.length === 1 ? only : { kind, operands: flat }
}

/** A condition, for filters that are made by a program. */
export function compare(field: FilterFieldName, operator: FilterOperator, ...values: readonly FilterValue[]): FilterComparison {
  return { kind: 'comparison', field, operator, values }
}

/** Whether a filter says something of a field anywhere. */
export function mentionsField(node: FilterNode, field: FilterFieldName): boolean {
  if (node.kind === 'comparison') return node.field === field
  return node.kind === 'not' ? mentionsField(node.operand, field) : node.operands.some((operand) => mentionsField(operand, field))
}
