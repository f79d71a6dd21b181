import { z } from 'zod'
import { defineSchema } from '../schema.js'
import { FilterText } from './query-page.js'

/** Fields of findings that are counted by value. */
export const facetFields = [
  'severity',
  'fix',
  'engine',
  'kev',
  'state',
  'status',
  'suppressed',
  'package.name',
  'package.type',
  'vulnerability',
  'source',
  'repository',
  'platform',
  'cluster',
  'namespace',
  'owner',
] as const
export type FacetField = (typeof facetFields)[number]

/** Fields whose values are searched. */
export const searchedFields = [
  'package.name',
  'package.type',
  'vulnerability',
  'repository',
  'cluster',
  'namespace',
  'workload',
  'owner',
] as const
export type SearchedField = (typeof searchedFields)[number]

export const FacetsQuery = defineSchema(
  'FacetsQuery',
  z.object({
    filter: FilterText.optional(),
    fields: z
      .string()
      .max(300)
      .default('severity,fix,engine,kev')
      .describe(`Fields, comma separated: ${facetFields.join(', ')}`),
    limit: z.coerce.number().int().min(1).max(100).default(20).describe('Values of a field, those with most findings first'),
  }),
  { filter: 'namespace = payments', fields: 'severity,package.name' },
)
export type FacetsQuery = z.infer<typeof FacetsQuery>

export const FacetsAnswer = defineSchema(
  'FacetsAnswer',
  z.object({
    counted: z.int().min(0).describe('Findings that were counted'),
    isCapped: z.boolean().describe('True when there are more findings than were counted: then the counts are those of a part'),
    facets: z.array(
      z.object({
        field: z.enum(facetFields),
        values: z.array(z.object({ value: z.string(), count: z.int().min(1) })),
        hasMore: z.boolean().describe('Whether the field has more values than are shown'),
      }),
    ),
  }),
  { counted: 120, isCapped: false, facets: [{ field: 'severity', values: [{ value: 'high', count: 100 }], hasMore: false }] },
)
export type FacetsAnswer = z.infer<typeof FacetsAnswer>

export const FieldValuesQuery = defineSchema(
  'FieldValuesQuery',
  z.object({
    field: z.enum(searchedFields).describe('Field whose values are searched'),
    q: z.string().max(200).default('').describe('Part of the value'),
    limit: z.coerce.number().int().min(1).max(100).default(20),
  }),
  { field: 'package.name', q: 'open' },
)
export type FieldValuesQuery = z.infer<typeof FieldValuesQuery>

export const FieldValues = defineSchema(
  'FieldValues',
  z.object({ values: z.array(z.string()).describe('Values that occur in what the caller may see, in their order') }),
  { values: ['openssl', 'libopenmpt'] },
)
export type FieldValues = z.infer<typeof FieldValues>
