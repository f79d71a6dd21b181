import Table from 'cli-table3'
import { terminalText } from './terminal-text.js'

/** Where a command writes; a test gives its own. */
export interface Streams {
  out: (text: string) => void
  err: (text: string) => void
  /** True when progress may redraw its line. */
  isTerminal: boolean
}

/** Writes results as tables or as JSON. */
export class Output {
  constructor(
    private readonly streams: Streams,
    readonly isJson: boolean,
  ) {}

  /** The result of a command: the value itself as JSON, or what `render` makes of it. */
  result<T>(value: T, render: (value: T) => string): void {
    this.streams.out(this.isJson ? `${JSON.stringify(value, null, 2)}\n` : render(value))
  }

  /** One of many results that come one after the other: a line of JSON each, or what `render` makes of it. */
  line<T>(value: T, render: (value: T) => string): void {
    this.streams.out(this.isJson ? `${JSON.stringify(value)}\n` : terminalText(render(value).trimEnd()) + '\n')
  }

  /** A line for people, beside the result: never on standard output. */
  note(text: string): void {
    this.streams.err(`${text}\n`)
  }

  /** A line that the next one replaces; on a stream that is no terminal each is a line of its own. */
  progress(text: string): void {
    if (this.streams.isTerminal) this.streams.err(`\r\u001b[K${terminalText(text)}`)
    else this.streams.err(`${terminalText(text)}\n`)
  }

  /** Ends a progress line. */
  endProgress(): void {
    if (this.streams.isTerminal) this.streams.err('\r\u001b[K')
  }
}

/** A table without frames; cells are made harmless for terminals. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const drawn = new Table({
    head: [...head],
    chars: {
      top: '',
      'top-mid': '',
      'top-left': '',
      'top-right': '',
      bottom: '',
      'bottom-mid': '',
      'bottom-left': '',
      'bottom-right': '',
      left: '',
      'left-mid': '',
      mid: '',
      'mid-mid': '',
      right: '',
      'right-mid': '',
      middle: '  ',
    },
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
  })
  for (const row of rows) drawn.push(row.map(terminalText))
  return `${drawn
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')}\n`
}

/** Lines of `name: value`, aligned. */
export function facts(entries: readonly (readonly [string, string])[]): string {
  const width = Math.max(...entries.map(([name]) => name.length))
  return `${entries.map(([name, value]) => `${`${name}:`.padEnd(width + 2)}${terminalText(value)}`).join('\n')}\n`
}
