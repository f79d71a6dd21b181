import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { CommandEnd, exitCodes } from './exit-code.js'

/** Options of every command; each is a flag and an environment variable. */
export const CommonOptions = z.object({
  server: z
    .url({ protocol: /^https?$/ })
    .default('http://127.0.0.1:8080')
    .describe('Address of the gateway'),
  token: z.string().optional().describe('API token (phr_…)'),
  tokenFile: z.string().optional().describe('File that holds the API token'),
  output: z.enum(['auto', 'table', 'json']).default('auto').describe('auto: tables on a terminal, JSON elsewhere'),
  requestTimeout: z
    .string()
    .regex(/^(\d+(ms|s|m|h))+$/)
    .default('60s')
    .describe('Longest time for one answer'),
})

/** The options as a command gets them. */
export interface CliConfiguration {
  server: string
  token: string | null
  isJson: boolean
  requestTimeout: string
}

/** Environment variable of an option: `requestTimeout` is PHAROS_REQUEST_TIMEOUT. */
export function environmentName(option: string): string {
  return `PHAROS_${option.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`
}

/** Puts flags over environment over defaults. Throws a usage error that names every wrong option. */
export function resolveConfiguration(
  flags: Readonly<Record<string, unknown>>,
  environment: Readonly<Record<string, string | undefined>>,
  isTerminal: boolean,
): CliConfiguration {
  const given = Object.fromEntries(
    Object.keys(CommonOptions.shape).map((name) => [name, flags[name] ?? (environment[environmentName(name)] || undefined)]),
  )
  const parsed = CommonOptions.safeParse(given)
  if (!parsed.success) {
    const lines = parsed.error.issues.map((issue) => `  --${flagName(String(issue.path[0]))}: ${issue.message}`)
    throw new CommandEnd(exitCodes.usage, `The options do not fit:\n${lines.join('\n')}`)
  }
  const { server, token, tokenFile, output, requestTimeout } = parsed.data
  return {
    server: server.replace(/\/+$/, ''),
    token: token ?? (tokenFile === undefined ? null : readToken(tokenFile)),
    isJson: output === 'json' || (output === 'auto' && !isTerminal),
    requestTimeout,
  }
}

/** `requestTimeout` as a flag is `request-timeout`. */
export function flagName(option: string): string {
  return option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

function readToken(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (cause) {
    throw new CommandEnd(
      exitCodes.usage,
      `The token file ${file} cannot be read: ${cause instanceof Error ? cause.message : 'unknown reason'}`,
    )
  }
}
