import { type ConfigurationDefinition, environmentName, type Parameter } from './parameter.js'
import { valueFormOf } from './value-types.js'

/** The reference of a service's parameters as Markdown: a table for each group. */
export function renderConfigurationMarkdown(definition: ConfigurationDefinition): string {
  const lines = [`# Parameters of ${definition.appName}`, '', definition.description, '']
  for (const [groupName, group] of Object.entries(definition.groups)) {
    lines.push(`## ${groupName}`, '', '| flag | environment | value | default | meaning |', '| --- | --- | --- | --- | --- |')
    for (const parameter of Object.values(group)) {
      const variables = [environmentName(parameter.flag), ...(parameter.env ?? [])].map((name) => `\`${name}\``).join(', ')
      const form = valueFormOf(parameter.schema)
      const value = form.isBoolean === true ? 'true, false' : form.placeholder.replaceAll('|', ', ')
      lines.push(
        `| \`${parameter.flag}\` | ${variables} | ${cell(value)} | ${fallbackOf(parameter)} | ${cell(parameter.description)}${parameter.isSecret === true ? ' Secret: also as a file.' : ''} |`,
      )
    }
    lines.push('')
  }
  return lines.join('\n')
}

/** JSON Schema of the parameters as a tree of groups, as a chart's values hold them; a secret is left out, since charts reference it. */
export function renderConfigurationJsonSchema(definition: ConfigurationDefinition): Record<string, unknown> {
  const properties: Record<string, unknown> = {}
  for (const [groupName, group] of Object.entries(definition.groups)) {
    const entries = Object.entries(group).filter(([, parameter]) => parameter.isSecret !== true)
    if (entries.length === 0) continue
    properties[groupName] = {
      type: 'object',
      additionalProperties: false,
      properties: Object.fromEntries(entries.map(([name, parameter]) => [name, parameterSchema(parameter)])),
    }
  }
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: definition.appName,
    description: definition.description,
    type: 'object',
    additionalProperties: false,
    properties,
  }
}

function parameterSchema(parameter: Parameter): Record<string, unknown> {
  const { jsonSchema } = valueFormOf(parameter.schema)
  return {
    ...jsonSchema,
    description: parameter.description,
    ...(parameter.default === undefined ? {} : { default: typedDefault(parameter.default, jsonSchema) }),
  }
}

function typedDefault(text: string, jsonSchema: Readonly<Record<string, unknown>>): unknown {
  if (jsonSchema['type'] === 'integer' || jsonSchema['type'] === 'number') return Number(text)
  return jsonSchema['type'] === 'boolean' ? text === 'true' : text
}

function fallbackOf(parameter: Parameter): string {
  if (parameter.default !== undefined) return `\`${parameter.default}\``
  return parameter.schema.safeParse(undefined).success ? '(none)' : '**required**'
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ')
}
