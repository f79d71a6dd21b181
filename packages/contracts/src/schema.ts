import { z } from 'zod'

/**
 * Gives a schema its public id and an example; every exported schema of this package is made with it.
 * The example is checked against the schema by a test over all schemas, and shown in OpenAPI.
 */
export function defineSchema<S extends z.ZodType>(id: string, schema: S, example: z.input<S>): S {
  const described = schema.meta({ ...schema.meta(), id, examples: [example] })
  definedSchemas.set(id, described)
  return described
}

/** All schemas by id: what OpenAPI's components are made of. */
export const definedSchemas = new Map<string, z.ZodType>()

/** The example that a schema was defined with. */
export function exampleOf<S extends z.ZodType>(schema: S): z.input<S> {
  const examples = schema.meta()?.['examples'] as readonly z.input<S>[] | undefined
  if (examples?.[0] === undefined) throw new Error('This schema was not made with defineSchema')
  return examples[0]
}
