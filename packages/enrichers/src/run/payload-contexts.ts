import { z } from 'zod'

const PayloadWithContexts = z.looseObject({
  Image: z.looseObject({
    ImageId: z.string().optional(),
    ContextRoots: z.array(z.looseObject({ Key: z.string().optional(), Contexts: z.array(z.unknown()).nullish() })).min(1),
  }),
})

/** A context that an enricher made a moment ago, for those that run after it. */
export interface FreshContext {
  owner: string
  data: Record<string, unknown>
}

/** The payload with more contexts behind those of its context root, as upstream hands them on from enricher to enricher. */
export function withContexts(payload: string, contexts: readonly FreshContext[], now: Date): string {
  if (contexts.length === 0) return payload
  const parsed = PayloadWithContexts.safeParse(JSON.parse(payload))
  const root = parsed.success ? parsed.data.Image.ContextRoots[0] : undefined
  // A payload of somebody's own need not have context roots; then there is no place for contexts.
  if (!parsed.success || root === undefined) return payload
  const added = contexts.map(({ owner, data }) => ({
    ID: 0,
    ContextRootKey: root.Key ?? '',
    ImageId: parsed.data.Image.ImageId ?? '',
    Owner: owner,
    UpdatedAt: now.toISOString(),
    Data: data,
  }))
  root.Contexts = [...(root.Contexts ?? []), ...added]
  return JSON.stringify(parsed.data)
}
