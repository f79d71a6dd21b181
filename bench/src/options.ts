import { parseArgs } from 'node:util'

/** A size of a benchmark: a flag with a whole number, or with several that are separated by commas. */
export interface SizeOption {
  default: number | readonly number[]
  description: string
}

type Sizes<T extends Readonly<Record<string, SizeOption>>> = {
  [Name in keyof T]: T[Name]['default'] extends number ? number : readonly number[]
}

/** Reads `--name=number` flags; prints them and ends for `--help`; refuses what it does not know. */
export function readSizes<T extends Readonly<Record<string, SizeOption>>>(title: string, sizes: T): Sizes<T> {
  const entries = Object.entries(sizes)
  const { values } = parseArgs({
    // pnpm hands its own separator on.
    args: process.argv.slice(2).filter((argument) => argument !== '--'),
    options: { help: { type: 'boolean' }, ...Object.fromEntries(entries.map(([name]) => [flagName(name), { type: 'string' as const }])) },
  })
  if (values.help === true) {
    console.log(
      `${title}\n\n${entries.map(([name, size]) => `  --${flagName(name).padEnd(16)} ${size.description} (default ${String(size.default)})`).join('\n')}`,
    )
    process.exit(0)
  }
  const given: Readonly<Record<string, string | boolean | undefined>> = values
  return Object.fromEntries(
    entries.map(([name, { default: fallback }]) => {
      const text = given[flagName(name)]
      if (text === undefined) return [name, fallback]
      return [
        name,
        typeof fallback === 'number'
          ? wholeNumber(name, text)
          : String(text)
              .split(',')
              .map((part) => wholeNumber(name, part)),
      ]
    }),
  ) as Sizes<T>
}

function wholeNumber(name: string, text: string | boolean): number {
  const value = text === '' ? Number.NaN : Number(text)
  if (!Number.isInteger(value) || value < 0) throw new Error(`--${flagName(name)} must be a whole number, not ${String(text)}`)
  return value
}

function flagName(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}
