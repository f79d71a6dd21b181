import { z } from 'zod'
import { Timestamp, Uuid } from '../primitives.js'
import { defineSchema, exampleOf } from '../schema.js'
import { filterResources } from './filter-fields.js'
import { FilterText } from './query-page.js'

/** Who sees a view beside its owner. */
export const ViewVisibility = defineSchema(
  'ViewVisibility',
  z
    .enum(['mine', 'team', 'all'])
    .describe('mine: nobody else. team: everybody whose scope of repositories is the same as the owner had. all: everybody'),
  'team',
)
export type ViewVisibility = z.infer<typeof ViewVisibility>

const shape = {
  name: z.string().trim().min(1).max(100).describe('Name for people'),
  resource: z.enum(filterResources).describe('List that the view is of'),
  filter: FilterText.default('').describe('Filter of that list; empty for everything'),
  sort: z.string().max(50).nullable().default(null).describe('Order of that list; null for its own'),
  columns: z.array(z.string().min(1).max(100)).max(50).default([]).describe('Columns to show, for whoever shows them; empty for all'),
  visibility: ViewVisibility.default('mine'),
}

export const CreateSavedView = defineSchema('CreateSavedView', z.strictObject(shape), {
  name: 'Exploited in production',
  resource: 'findings',
  filter: 'kev = true and cluster ~ "prod-*"',
  sort: '-risk',
  columns: ['risk', 'vulnerability', 'package', 'image'],
  visibility: 'team',
})
export type CreateSavedView = z.infer<typeof CreateSavedView>

export const ChangeSavedView = defineSchema(
  'ChangeSavedView',
  z.strictObject({
    name: shape.name.optional(),
    filter: FilterText.optional(),
    sort: z.string().max(50).nullable().optional(),
    columns: z.array(z.string().min(1).max(100)).max(50).optional(),
    visibility: ViewVisibility.optional(),
  }),
  { filter: 'kev = true' },
)
export type ChangeSavedView = z.infer<typeof ChangeSavedView>

/** A question that somebody saved. It shows what its reader may see, not what its owner may. */
export const SavedView = defineSchema(
  'SavedView',
  z.object({
    ...shape,
    id: Uuid,
    owner: z.string().describe('Principal id of the owner'),
    version: z.int().min(1).describe('Grows with each change; the ETag'),
    allowed: z.array(z.enum(['change', 'remove'])).describe('What the caller may do with it'),
    createdAt: Timestamp,
    updatedAt: Timestamp,
  }),
  {
    ...exampleOf(CreateSavedView),
    id: '0190d7a2-6c1e-7d5b-8b0a-3a6f0b1c2d3e',
    owner: 'user:ana',
    version: 1,
    allowed: ['change', 'remove'],
    createdAt: '2026-11-24T08:00:00.000Z',
    updatedAt: '2026-11-24T08:00:00.000Z',
  },
)
export type SavedView = z.infer<typeof SavedView>

export const SavedViewList = defineSchema(
  'SavedViewList',
  z.object({ items: z.array(SavedView).describe('Views, by name; at most 500 of an owner') }),
  { items: [exampleOf(SavedView)] },
)
export type SavedViewList = z.infer<typeof SavedViewList>

export const ListSavedViewsQuery = defineSchema(
  'ListSavedViewsQuery',
  z.object({ resource: z.enum(filterResources).optional().describe('Only views of this list') }),
  { resource: 'findings' },
)
export type ListSavedViewsQuery = z.infer<typeof ListSavedViewsQuery>
