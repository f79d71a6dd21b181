import { parseArgs } from 'node:util'

/** A size of a benchmark: a flag with a whole number. */
export interface SizeOption {
  default: number
  description: string
}

/** Reads `--name=number` flags; prints them and ends for `--help`; refuses what it does not know. */
export function readSizes<T extends Readonly<Record<string, SizeOption>>>(title: string, sizes: T): { [Name in keyof T]: number } {
  const entries = Object.entries(sizes)
  const { values } = parseArgs({
    // pnpm hands its own separator on.
    args: process.argv.slice(2).filter((argument) => argument !== '--'),
    options: { help: { type: 'boolean' }, ...Object.fromEntries(entries.map(([name]) => [flagName(name), { type: 'string' as const }])) },
  })
  if (values.help === true) {
    console.log(
      `${title}\n\n${entries.map(([name, size]) => `  --${flagName(name).padEnd(16)} ${size.description} (default ${size.default})`).join('\n')}`,
    )
    process.exit(0)
  }
  const given: Readonly<Record<string, string | boolean | undefined>> = values
  return Object.fromEntries(entries.map(([name, size]) => [name, wholeNumber(name, given[flagName(name)], size.default)])) as {
    [Name in keyof T]: number
  }
}

function wholeNumber(name: string, text: string | boolean | undefined, fallback: number): number {
  if (text === undefined) return fallback
  const value = Number(text)
  if (!Number.isInteger(value) || value < 0) throw new Error(`--${flagName(name)} must be a whole number, not ${String(text)}`)
  return value
}

function flagName(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}
