import { loadConfiguration } from './load-configuration.js'
import type { ConfigurationDefinition, ConfigurationOf, ParameterGroup } from './parameter.js'

/**
 * Configuration of a command that does its work and ends, e.g. a migration: read from this process's arguments and environment.
 * `--help` prints the parameters and exits 0; wrong parameters are all printed and exit 1.
 */
export function processConfiguration<const G extends Readonly<Record<string, ParameterGroup>>>(
  definition: ConfigurationDefinition<G>,
): ConfigurationOf<ConfigurationDefinition<G>> {
  const loaded = loadConfiguration(definition, process.argv.slice(2), process.env)
  if (loaded.kind === 'help') {
    process.stdout.write(loaded.text)
    process.exit(0)
  }
  if (loaded.kind === 'invalid') {
    const lines = loaded.problems.map((problem) => `  ${problem.flag} ${problem.detail}`)
    process.stderr.write(
      `${definition.appName} cannot start; its parameters have ${lines.length} problem${lines.length === 1 ? '' : 's'}:\n${lines.join('\n')}\n`,
    )
    process.exit(1)
  }
  return loaded.configuration
}
