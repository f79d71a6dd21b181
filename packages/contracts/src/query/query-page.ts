import { z } from 'zod'
import { PageQuery } from '../primitives.js'
import { defineSchema } from '../schema.js'
import { filterFieldNames, type FilterResource } from './filter-fields.js'
import { filterLimits } from './filter-parser.js'

/** A count that stops at a limit: counting a fleet to the end would cost what nobody reads. */
export const CappedCount = defineSchema(
  'CappedCount',
  z.object({
    count: z.int().min(0).describe('Rows, at most the limit'),
    isCapped: z.boolean().describe('True when there are more rows than were counted'),
  }),
  { count: 120, isCapped: false },
)
export type CappedCount = z.infer<typeof CappedCount>

export const FilterText = defineSchema(
  'FilterText',
  z.string().max(filterLimits.length).describe('Filter of a list, e.g. severity >= high and kev = true'),
  'severity >= high and kev = true',
)

const grammar =
  'Filter: conditions `field operator value`, joined by `and`, `or`, `not` and parentheses. Operators: = != > >= < <=, ~ with * for any run of characters, in (a, b).'

/** Parameters of a list that takes a filter; the description names the fields of the filter. */
function filterPageQuery(resource: FilterResource) {
  return PageQuery.extend({
    filter: z
      .string()
      .max(filterLimits.length)
      .optional()
      .describe(`${grammar} Fields of ${resource}: ${filterFieldNames(resource).join(', ')}`),
    cursor: z.string().max(1024).optional().describe('nextCursor or prevCursor of a page, with the same filter and order; opaque'),
    count: z.enum(['true', 'false']).default('false').describe('Whether to count the rows that fit the filter, up to 10,000'),
  })
}

/** The same of a list of a resource, whose rows (`item`) may be cut to some of their fields. */
export function filteredPageQuery(resource: FilterResource, item: z.ZodObject) {
  const names = Object.keys(item.shape)
  return filterPageQuery(resource).extend({
    fields: z
      .string()
      .max(1000)
      .refine((text) => fieldNames(text).every((name) => names.includes(name)), { error: `Fields are ${names.join(', ')}` })
      .optional()
      .describe(`Fields that each row shall have, comma separated; all of them without it: ${names.join(', ')}`),
  })
}

/** The names of a `fields` parameter. */
export function fieldNames(text: string): string[] {
  return text.split(',').map((name) => name.trim())
}

/** A list of images that something leads to, by filter. */
export const FilteredPageQuery = defineSchema('FilteredPageQuery', filterPageQuery('images'), { filter: 'running = true', limit: 50 })
export type FilteredPageQuery = z.infer<typeof FilteredPageQuery>

/** A page that can be walked in both directions. There are rows before or behind it exactly if the cursor is a string. */
export function walkablePageOf<S extends z.ZodType>(id: string, item: S, example: z.input<S>) {
  return defineSchema(
    id,
    z.object({
      items: z.array(item).describe('Rows of this page'),
      nextCursor: z.string().nullable().describe('Cursor of the next page, null on the last'),
      prevCursor: z.string().nullable().optional().describe('Cursor of the page before, null on the first'),
      count: CappedCount.optional().describe('Rows that fit, when asked for'),
    }),
    { items: [example], nextCursor: null } as never,
  )
}
