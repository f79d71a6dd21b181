import { contextFieldPrefix } from './filter-fields.js'

/** A filter that does not parse: where, counted in characters from 0, and what was expected there. */
export interface FilterProblem {
  readonly position: number
  readonly expected: string
}

/** Ends parsing; the parser turns it into a problem. */
export class FilterSyntaxError extends Error {
  constructor(
    readonly position: number,
    readonly expected: string,
  ) {
    super(expected)
  }
}

/** A name or value, and where it begins. */
export interface FilterWord {
  readonly text: string
  readonly position: number
}

const spaces = /[ \t\r\n]*/y
const nameCharacters = /[A-Za-z][A-Za-z0-9.]*/y
// Enrichers and the keys of their contexts are named more freely than fields.
const contextCharacters = /[A-Za-z0-9._/-]*/y
const operatorCharacters = /!=|>=|<=|=|>|<|~/y
// Everything that versions, references, digests, globs and moments are made of: none needs quotes.
const bareCharacters = /[A-Za-z0-9*_./@%+:~^-]+/y

/**
 * Reads a filter from left to right, in linear time. What a run of characters is depends on what the grammar wants there:
 * `~` is an operator behind a field and part of a version behind an operator.
 */
export class FilterScanner {
  private offset = 0

  constructor(private readonly text: string) {}

  /** Where the next token begins. */
  get position(): number {
    this.take(spaces)
    return this.offset
  }

  get isAtEnd(): boolean {
    return this.position === this.text.length
  }

  /** A name of a field or a keyword. */
  name(expected: string): FilterWord {
    const { position } = this
    const text = this.take(nameCharacters)
    if (text === '') this.fail(expected)
    if (!text.toLowerCase().startsWith(contextFieldPrefix)) return { text, position }
    return { text: text + this.take(contextCharacters), position }
  }

  /** Takes a keyword, in any case, when it stands here as a word of its own. */
  keyword(keyword: string): boolean {
    const { position } = this
    if (this.take(nameCharacters).toLowerCase() === keyword) return true
    this.offset = position
    return false
  }

  operator(): string {
    const { position } = this
    const symbol = this.take(operatorCharacters)
    if (symbol !== '') return symbol
    if (this.keyword('in')) return 'in'
    this.offset = position
    return ''
  }

  punctuation(character: '(' | ')' | ','): boolean {
    if (this.text[this.position] !== character) return false
    this.offset += 1
    return true
  }

  /** A bare or quoted value. In quotes a backslash takes the next character as it is. */
  value(expected: string): FilterWord {
    const { position } = this
    const quote = this.text[position]
    if (quote === '"' || quote === "'") return { text: this.quoted(quote), position }
    const text = this.take(bareCharacters)
    if (text === '') this.fail(expected)
    return { text, position }
  }

  fail(expected: string, position = this.position): never {
    throw new FilterSyntaxError(position, expected)
  }

  private quoted(quote: string): string {
    const start = this.offset
    const parts: string[] = []
    for (let at = start + 1; at < this.text.length; at += 1) {
      const character = this.text[at] ?? ''
      if (character === quote) {
        this.offset = at + 1
        return parts.join('')
      }
      if (character === '\\') at += 1
      parts.push(this.text[at] ?? '')
    }
    return this.fail(`the closing ${quote} of the text that begins here`, start)
  }

  private take(pattern: RegExp): string {
    pattern.lastIndex = this.offset
    const text = pattern.exec(this.text)?.[0] ?? ''
    this.offset += text.length
    return text
  }
}
