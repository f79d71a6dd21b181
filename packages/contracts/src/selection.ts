import { z } from 'zod'
import { SetDecision, VulnerabilityFindingId } from './decision.js'
import { SeverityCounts } from './image.js'
import { Digest, Timestamp } from './primitives.js'
import { defineSchema, exampleOf } from './schema.js'

/** Most findings that a selection holds. */
export const selectionLimit = 100_000

/** What is selected: everything that fits a filter, but for exclusions. */
export const CreateSelection = defineSchema(
  'CreateSelection',
  z.strictObject({
    resource: z.literal('findings').describe('What is selected'),
    filter: z.string().min(1).max(4096).describe('Filter of findings; open ones unless it says something of their state'),
    exclude: z.array(VulnerabilityFindingId).max(1000).default([]).describe('Findings that fit and are left out'),
  }),
  { resource: 'findings', filter: 'vulnerability = CVE-2021-23337 and repository ~ "registry.example/team-a/*"' },
)
export type CreateSelection = z.infer<typeof CreateSelection>

/** How far a selection has come. */
export const SelectionState = defineSchema(
  'SelectionState',
  z.enum(['ready', 'applying', 'applied', 'undoing', 'undone']).describe('ready: nothing was done with it yet'),
  'ready',
)
export type SelectionState = z.infer<typeof SelectionState>

/** Findings of a moment, and what was decided about all of them. They stay the same, whatever fits the filter later. */
export const Selection = defineSchema(
  'Selection',
  z.object({
    token: z.string().describe('Names the selection; only its maker and admins can use it'),
    resource: z.literal('findings'),
    filter: z.string(),
    count: z.int().min(0).describe('Findings in it, exactly'),
    preview: z
      .object({
        bySeverity: SeverityCounts,
        byDecision: z.array(z.object({ decision: z.string().nullable(), count: z.int() })).describe('What is decided about them so far'),
        images: z.object({
          count: z.int().min(0),
          first: z.array(z.object({ digest: Digest, references: z.array(z.string()), count: z.int() })).describe('The 20 with the most'),
        }),
        owners: z
          .array(z.object({ owner: z.string().nullable(), count: z.int() }))
          .describe('Owners of workloads that run the images, the 20 with the most'),
      })
      .describe('What a decision would reach; as of the making of the selection'),
    state: SelectionState,
    decision: z.string().nullable().describe('Status that was or is being set; new takes decisions back'),
    progress: z.object({
      done: z.int().min(0).describe('Findings dealt with in this state'),
      changed: z.int().min(0).describe('Findings whose decision was changed by it'),
      unchanged: z.int().min(0).describe('Findings that had this decision already, or are no longer there'),
      undone: z.int().min(0).describe('Findings that have their former decision again'),
      kept: z
        .int()
        .min(0)
        .describe('Findings that keep their decision, since somebody decided about them after this selection was applied'),
    }),
    createdAt: Timestamp,
    createdBy: z.string(),
    expiresAt: Timestamp.describe('Until then it can be applied, or undone'),
  }),
  {
    token: 'sel_0190d7a26c1e7d5b8b0a3a6f0b1c2d3e',
    resource: 'findings',
    filter: 'vulnerability = CVE-2021-23337',
    count: 12,
    preview: {
      bySeverity: exampleOf(SeverityCounts),
      byDecision: [{ decision: null, count: 12 }],
      images: { count: 1, first: [{ digest: exampleOf(Digest), references: ['docker.io/library/alpine:3.18'], count: 12 }] },
      owners: [{ owner: 'team-a', count: 12 }],
    },
    state: 'ready',
    decision: null,
    progress: { done: 0, changed: 0, unchanged: 0, undone: 0, kept: 0 },
    createdAt: '2026-11-24T08:00:00.000Z',
    createdBy: 'user:ana',
    expiresAt: '2026-11-25T08:00:00.000Z',
  },
)
export type Selection = z.infer<typeof Selection>

export const ApplySelection = defineSchema(
  'ApplySelection',
  z.strictObject({ decision: SetDecision }).describe('One decision about everything in a selection'),
  { decision: exampleOf(SetDecision) },
)
export type ApplySelection = z.infer<typeof ApplySelection>

export const SelectionToken = z
  .string()
  .regex(/^sel_[0-9a-f]{32}$/, 'A token of a selection is sel_ and 32 hex digits')
  .describe('Token of a selection')
