import { type Command, Option } from 'commander'
import { z } from 'zod'
import { flagName } from '../configuration.js'

/** Unwraps optional and default wrappers to the schema that says what a value looks like. */
function core(schema: z.ZodType): z.ZodType {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodNullable)
    return core(schema.unwrap() as z.ZodType)
  return schema
}

function optionOf(name: string, schema: z.ZodType): Option {
  const inner = core(schema)
  const description = schema.meta()?.['description'] ?? inner.meta()?.['description']
  const text = typeof description === 'string' ? description : ''
  const flag = `--${flagName(name)}`
  if (inner instanceof z.ZodBoolean) return new Option(flag, text)
  if (inner instanceof z.ZodArray) return new Option(`${flag} <values...>`, text)
  const option = new Option(`${flag} <value>`, text)
  return inner instanceof z.ZodEnum ? option.choices(inner.options.map(String)) : option
}

/** Adds an option for each named field of a contract, with the contract's own words as help. */
export function addSchemaOptions<S extends z.ZodObject>(
  command: Command,
  schema: S,
  fields: readonly (keyof S['shape'] & string)[],
): Command {
  for (const field of fields) command.addOption(optionOf(field, schema.shape[field] as z.ZodType))
  return command
}

/** The values of the named fields that were given, by field. */
export function givenOptions(options: Readonly<Record<string, unknown>>, fields: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(fields.flatMap((field) => (options[field] === undefined ? [] : [[field, options[field]] as const])))
}
