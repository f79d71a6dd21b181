/** Prints rows in columns; the first row is the heading. Numbers stand at the right. */
export function printTable(title: string, rows: readonly (readonly (string | number)[])[]): void {
  const texts = rows.map((row) => row.map(String))
  const widths = (texts[0] ?? []).map((_cell, column) => Math.max(...texts.map((row) => row[column]?.length ?? 0)))
  console.log(`\n${title}`)
  for (const [index, row] of texts.entries()) {
    console.log(
      `  ${row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  ')}`,
    )
    if (index === 0) console.log(`  ${widths.map((width) => '-'.repeat(width)).join('  ')}`)
  }
}

export const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`
export const milliseconds = (ms: number): string => `${ms.toFixed(1)} ms`
export const mebibytes = (bytes: number): string => `${(bytes / 1024 ** 2).toFixed(0)} MiB`
export const perSecond = (count: number, ms: number): string => `${(count / (ms / 1000)).toFixed(1)} /s`
export const times = (ratio: number): string => `${ratio.toFixed(2)}x`

/** What a target asks for, with whether this run met it. */
export function verdict(isMet: boolean, target: string): string {
  return `${isMet ? 'met' : 'NOT MET'} (target ${target})`
}

/** The value below which `share` (0 to 1) of the values lie. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((one, other) => one - other)
  const value = sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]
  if (value === undefined) throw new Error('there are no values')
  return value
}

export const median = (values: readonly number[]): number => quantile(values, 0.5)
