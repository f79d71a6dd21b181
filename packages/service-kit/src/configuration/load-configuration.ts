import { readFileSync } from 'node:fs'
import { nearestName } from './nearest-name.js'
import { type ConfigurationDefinition, type ConfigurationOf, environmentName, type Parameter, type ParameterGroup } from './parameter.js'
import { renderHelp } from './render-help.js'
import { valueFormOf } from './value-types.js'

/** One thing that is wrong with the parameters, in words for the person who started the service; never holds a secret's value. */
export interface ConfigurationProblem {
  /** Flag that is concerned, e.g. `--redis-url`. */
  readonly flag: string
  readonly detail: string
}

/** What came of reading the parameters: a tree, every problem at once, or the text that `--help` asked for. */
export type LoadedConfiguration<C> =
  | { readonly kind: 'loaded'; readonly configuration: C }
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'invalid'; readonly problems: readonly ConfigurationProblem[] }

interface Given {
  readonly text: string
  /** Where the text was found, e.g. `PHAROS_REDIS_URL`. */
  readonly source: string
}

/**
 * Reads the parameters of a service. Order: flag, flag's file, `PHAROS_*`, its file, variables of other tools, default.
 * An empty variable counts as absent, because compose files pass unset variables on as empty.
 * Reads only the files that a secret names; exits never: that is the runner's.
 */
export function loadConfiguration<G extends Readonly<Record<string, ParameterGroup>>>(
  definition: ConfigurationDefinition<G>,
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): LoadedConfiguration<ConfigurationOf<ConfigurationDefinition<G>>> {
  if (argv.includes('--help') || argv.includes('-h')) return { kind: 'help', text: renderHelp(definition) }
  const problems: ConfigurationProblem[] = []
  const flags = parseFlags(definition, argv, problems)
  const tree: Record<string, Readonly<Record<string, unknown>>> = {}
  for (const [groupName, group] of Object.entries(definition.groups)) {
    const values: Record<string, unknown> = {}
    for (const [name, parameter] of Object.entries(group)) {
      values[name] = parse(parameter, findGiven(parameter, flags, env, problems), problems)
    }
    tree[groupName] = Object.freeze(values)
  }
  if (problems.length > 0) return { kind: 'invalid', problems }
  return { kind: 'loaded', configuration: Object.freeze(tree) as ConfigurationOf<ConfigurationDefinition<G>> }
}

function parse(parameter: Parameter, given: Given | undefined | 'unreadable', problems: ConfigurationProblem[]): unknown {
  if (given === 'unreadable') return undefined
  const result = parameter.schema.safeParse(given?.text ?? parameter.default)
  if (result.success) return result.data
  if (given === undefined && parameter.default === undefined) {
    const elsewhere = parameter.isSecret === true ? ` or ${environmentName(parameter.flag)}_FILE` : ''
    problems.push({
      flag: parameter.flag,
      detail: `is required; give it as ${parameter.flag} or ${environmentName(parameter.flag)}${elsewhere}`,
    })
    return undefined
  }
  const messages = [...new Set(result.error.issues.map((issue) => issue.message))].join('; ')
  const shown = parameter.isSecret === true || given === undefined ? '' : ` (given ${JSON.stringify(abbreviated(given.text))})`
  problems.push({ flag: parameter.flag, detail: `${messages}${shown}, from ${given?.source ?? 'its default'}` })
  return undefined
}

function abbreviated(text: string): string {
  const withoutPassword = text.replace(/\/\/[^/@\s]*@/, '//***@')
  return withoutPassword.length > 80 ? `${withoutPassword.slice(0, 77)}...` : withoutPassword
}

function findGiven(
  parameter: Parameter,
  flags: ReadonlyMap<string, string>,
  env: Readonly<Record<string, string | undefined>>,
  problems: ConfigurationProblem[],
): Given | undefined | 'unreadable' {
  const variable = environmentName(parameter.flag)
  const candidates: { text: string | undefined; source: string; isFile: boolean }[] = [
    { text: flags.get(parameter.flag), source: parameter.flag, isFile: false },
  ]
  if (parameter.isSecret === true) {
    candidates.push({ text: flags.get(`${parameter.flag}-file`), source: `${parameter.flag}-file`, isFile: true })
  }
  candidates.push({ text: env[variable] || undefined, source: variable, isFile: false })
  if (parameter.isSecret === true) candidates.push({ text: env[`${variable}_FILE`] || undefined, source: `${variable}_FILE`, isFile: true })
  for (const name of parameter.env ?? []) candidates.push({ text: env[name] || undefined, source: name, isFile: false })

  for (const { text, source, isFile } of candidates) {
    if (text === undefined) continue
    if (!isFile) return { text, source }
    try {
      return { text: readFileSync(text, 'utf8').replace(/\r?\n$/, ''), source }
    } catch (error) {
      const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error)
      problems.push({ flag: parameter.flag, detail: `the file ${text} cannot be read (${reason}), from ${source}` })
      return 'unreadable'
    }
  }
  return undefined
}

/** Takes argv apart; each flag that nobody knows, has no value, or comes twice is a problem. */
function parseFlags(definition: ConfigurationDefinition, argv: readonly string[], problems: ConfigurationProblem[]): Map<string, string> {
  const known = new Map<string, { isBoolean: boolean }>()
  for (const group of Object.values(definition.groups)) {
    for (const parameter of Object.values(group)) {
      known.set(parameter.flag, { isBoolean: valueFormOf(parameter.schema).isBoolean === true })
      if (parameter.isSecret === true) known.set(`${parameter.flag}-file`, { isBoolean: false })
    }
  }
  const values = new Map<string, string>()
  const set = (flag: string, value: string) => {
    if (values.has(flag)) problems.push({ flag, detail: 'is given twice' })
    values.set(flag, value)
  }
  for (let index = 0; index < argv.length; index += 1) {
    const argument = argv[index] ?? ''
    const at = argument.indexOf('=')
    const flag = argument.startsWith('--') && at > 0 ? argument.slice(0, at) : argument
    const inline = flag === argument ? undefined : argument.slice(at + 1)
    const negated = flag.startsWith('--no-') ? `--${flag.slice(5)}` : undefined
    if (negated !== undefined && !known.has(flag) && known.get(negated)?.isBoolean === true && inline === undefined) {
      set(negated, 'false')
      continue
    }
    const form = known.get(flag)
    if (form === undefined) {
      // The argument itself may be a stray secret, so a word that is not a flag is not repeated.
      const near = flag.startsWith('--') ? nearestName(flag, [...known.keys()]) : undefined
      const hint = near === undefined ? '; --help lists all parameters' : `; did you mean ${near}?`
      const [shown, what] = flag.startsWith('-') ? [flag, 'is not a parameter'] : [`argument ${index + 1}`, 'is not a flag']
      problems.push({ flag: shown, detail: `${what} of ${definition.appName}${hint}` })
      const next = argv[index + 1]
      if (flag.startsWith('--') && inline === undefined && next !== undefined && !next.startsWith('--')) index += 1
    } else if (inline !== undefined) {
      set(flag, inline)
    } else if (form.isBoolean) {
      set(flag, 'true')
    } else {
      const next = argv[index + 1]
      if (next === undefined || known.has(next)) problems.push({ flag, detail: 'needs a value' })
      else {
        set(flag, next)
        index += 1
      }
    }
  }
  return values
}
