import { type ConfigurationDefinition, environmentName } from './parameter.js'
import { valueFormOf } from './value-types.js'

/** The text of `--help`: every parameter with its variable and default. */
export function renderHelp(definition: ConfigurationDefinition): string {
  const lines = [`${definition.appName}: ${definition.description}`, '', `Usage: ${definition.appName} [flags]`, '']
  lines.push(
    'Each flag is also an environment variable: --redis-url is PHAROS_REDIS_URL. A secret may stand in a file: --x-file, PHAROS_X_FILE.',
  )
  for (const [groupName, group] of Object.entries(definition.groups)) {
    lines.push('', `${groupName}:`)
    for (const parameter of Object.values(group)) {
      const form = valueFormOf(parameter.schema)
      const flag = form.isBoolean === true ? `${parameter.flag}, --no-${parameter.flag.slice(2)}` : `${parameter.flag} ${form.placeholder}`
      const notes = [environmentName(parameter.flag), ...(parameter.env ?? [])].join(', ')
      const fallback =
        parameter.default === undefined
          ? parameter.schema.safeParse(undefined).success
            ? 'optional'
            : 'required'
          : `default ${parameter.default}`
      lines.push(`  ${flag}`, `      ${parameter.description} [${notes}; ${parameter.isSecret === true ? 'secret; ' : ''}${fallback}]`)
    }
  }
  lines.push('', '  --help', '      Print this text.', '')
  return lines.join('\n')
}
