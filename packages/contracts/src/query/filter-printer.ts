import type { FilterNode, FilterValue } from './filter-ast.js'

/** The canonical text of a filter: parsing it gives the same filter again. */
export function printFilter(node: FilterNode): string {
  switch (node.kind) {
    case 'comparison': {
      const values = node.values.map(printValue)
      return `${node.field} ${node.operator} ${node.operator === 'in' ? `(${values.join(', ')})` : (values[0] ?? '')}`
    }
    case 'not':
      return `not ${printOperand(node.operand)}`
    case 'and':
      return node.operands.map(printOperand).join(' and ')
    case 'or':
      return node.operands.map((operand) => (operand.kind === 'or' ? `(${printFilter(operand)})` : printFilter(operand))).join(' or ')
  }
}

function printOperand(node: FilterNode): string {
  return node.kind === 'and' || node.kind === 'or' ? `(${printFilter(node)})` : printFilter(node)
}

function printValue(value: FilterValue): string {
  if (typeof value !== 'string' || /^[A-Za-z0-9*_./@%+:~^-]+$/.test(value)) return String(value)
  return `"${value.replace(/[\\"]/g, String.raw`\$&`)}"`
}
