import type { z } from 'zod'

/** One parameter of a service: a CLI flag and an environment variable that are parsed by one schema. */
export interface Parameter<S extends z.ZodType = z.ZodType> {
  /** Parses the text as given; make it with `text()`, `integer()`, `durationMs()` and the like, which also know how to describe themselves. */
  readonly schema: S
  /** Name of the flag in kebab-case; the environment variable follows from it: `--redis-url` is `PHAROS_REDIS_URL`. */
  readonly flag: `--${string}`
  /** One sentence for `--help` and the reference page. */
  readonly description: string
  /** Value, as somebody would type it, where none is given. A parameter without default is required unless its schema takes undefined. */
  readonly default?: string
  /** Environment variables of other tools that are read when neither the flag nor `PHAROS_*` is given, e.g. `REDIS_URL`. */
  readonly env?: readonly string[]
  /** A secret may also stand in a file (`--x-file`, `PHAROS_X_FILE`), and its value is never printed. */
  readonly isSecret?: boolean
}

/** Parameters of one subject; the key of the group is its heading in the reference. */
export type ParameterGroup = Readonly<Record<string, Parameter>>

/** What a service can be told: its name, what it is for, its parameters by group. */
export interface ConfigurationDefinition<G extends Readonly<Record<string, ParameterGroup>> = Readonly<Record<string, ParameterGroup>>> {
  readonly appName: string
  readonly description: string
  readonly groups: G
}

/** The frozen tree that a definition yields: `configuration.redis.url`. */
export type ConfigurationOf<D> =
  D extends ConfigurationDefinition<infer G>
    ? { readonly [K in keyof G]: { readonly [P in keyof G[K]]: G[K][P] extends Parameter<infer S> ? z.output<S> : never } }
    : never

/** Declares the parameters of a service. Throws when two parameters share a flag: a mistake in the program, not in its use. */
export function defineConfiguration<const G extends Readonly<Record<string, ParameterGroup>>>(
  appName: string,
  description: string,
  groups: G,
): ConfigurationDefinition<G> {
  const seen = new Set<string>()
  for (const group of Object.values(groups)) {
    for (const parameter of Object.values(group)) {
      if (!/^--[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(parameter.flag)) throw new Error(`${parameter.flag} is not a kebab-case flag`)
      for (const flag of parameter.isSecret === true ? [parameter.flag, `${parameter.flag}-file`] : [parameter.flag]) {
        if (seen.has(flag)) throw new Error(`${appName}: the flag ${flag} is declared twice`)
        seen.add(flag)
      }
    }
  }
  return { appName, description, groups }
}

/** The environment variable of a flag: `--redis-url` is `PHAROS_REDIS_URL`. */
export function environmentName(flag: string): string {
  return `PHAROS_${flag.slice(2).replaceAll('-', '_').toUpperCase()}`
}
