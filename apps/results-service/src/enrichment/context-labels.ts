import { storedText } from '../inventory/stored-text.js'

/** A value of a context by its name, as stored. */
export interface ContextLabel {
  readonly name: string
  readonly value: string
}

/** What a key of an index can hold, and what one context may take of it. Longer names and values are not searched for. */
const limits = { labels: 100, nameLength: 200, valueLength: 500, depth: 8 }

/**
 * The values of a context as labels, for filters: `<owner>.<path>`, with the keys of nested maps joined by dots. Each scalar of a
 * list is a label of its own; numbers and booleans are text as JSON writes them, null is no value.
 */
export function labelsOf(owner: string, data: Readonly<Record<string, unknown>>): ContextLabel[] {
  const found = new Map<string, ContextLabel>()
  const add = (name: string, value: string): void => {
    if (name.length > limits.nameLength || value.length > limits.valueLength || found.size >= limits.labels) return
    const label = { name: storedText(name), value: storedText(value) }
    found.set(JSON.stringify([label.name, label.value]), label)
  }
  const visit = (name: string, value: unknown, depth: number): void => {
    if (typeof value === 'string') add(name, value)
    else if (typeof value === 'number' || typeof value === 'boolean') add(name, String(value))
    else if (typeof value !== 'object' || value === null || depth === 0) return
    else if (Array.isArray(value)) for (const item of value as unknown[]) visit(name, item, depth - 1)
    else for (const [key, item] of Object.entries(value)) visit(`${name}.${key}`, item, depth - 1)
  }
  for (const [key, value] of Object.entries(data)) visit(`${owner}.${key}`, value, limits.depth)
  return [...found.values()]
}
