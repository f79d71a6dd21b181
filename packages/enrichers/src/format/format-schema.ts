import { z } from 'zod'
import { submittedContextOwner } from '@pharos/contracts'

/** Contexts of these owners are not made by enrichers. */
const reservedNames = ['submit', submittedContextOwner]

/** Names are owners of contexts, labels in queries, and folders: hence no spaces, slashes or capitals with another meaning. */
export const EnricherName = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/,
    'an enricher is named with letters, digits, ".", "_" and "-", begins with a letter or digit and has at most 63 of them',
  )
  .refine((name) => !reservedNames.includes(name), `${reservedNames.join(' and ')} name contexts that no enricher makes; take another name`)

const text = z.string({ error: 'must be a text' })

/** One of the enrichers that `enrichers.yaml` lists. */
const EnricherEntry = z.strictObject({
  name: EnricherName,
  path: text.nullish(),
  git: text.nullish(),
  id: z.unknown().optional(),
  after: z.array(EnricherName).nullish(),
  fetched: text.nullish(),
})
export type EnricherEntry = z.infer<typeof EnricherEntry>

const order = z.array(EnricherName).nullish()
const sources = z.array(EnricherEntry).nullish()

/** `enrichers.yaml`: which enrichers there are and in which order they run; flat, or under the key `enrichers`. */
export const EnricherList = z.strictObject({ order, sources })
export type EnricherList = z.infer<typeof EnricherList>

export const stepNames = ['file', 'hbs', 'starlark', 'yaegi', 'debug'] as const
export type StepName = (typeof stepNames)[number]

const Step = z.strictObject({
  name: z.string(),
  config: z.union([z.string(), z.number()]).nullish(),
  ref: z.string().nullish(),
})

/** Steps of `enricher.yaml`. */
export const StepList = z.array(Step).min(1, 'an enricher needs at least one step')
export type StepList = z.infer<typeof StepList>
