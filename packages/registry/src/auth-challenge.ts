/** One challenge of a WWW-Authenticate header. */
export interface AuthChallenge {
  /** Lowercase, e.g. `bearer`. */
  scheme: string
  /** Names in lowercase. */
  parameters: Map<string, string>
}

/** Headers longer than this are not challenges. */
const CHALLENGE_LIMIT_CHARACTERS = 8192
const TOKEN = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y
const TOKEN68 = /[A-Za-z0-9._~+/-]+=*(?=\s*(?:,|$))/y
const SPACE = /[ \t]*/y

class Scanner {
  private at = 0
  constructor(private readonly text: string) {}

  get isAtEnd(): boolean {
    return this.at >= this.text.length
  }

  take(pattern: RegExp): string | null {
    pattern.lastIndex = this.at
    const match = pattern.exec(this.text)
    if (match === null) return null
    this.at += match[0].length
    return match[0]
  }

  takeCharacter(character: string): boolean {
    if (this.text[this.at] !== character) return false
    this.at += 1
    return true
  }

  skipSpace(): void {
    this.take(SPACE)
  }

  /** A quoted string with its escapes undone; null when it does not end. */
  quoted(): string | null {
    let value = ''
    for (;;) {
      const character = this.text[this.at]
      if (character === undefined) return null
      this.at += 1
      if (character === '"') return value
      if (character === '\\') {
        value += this.text[this.at] ?? ''
        this.at += 1
      } else value += character
    }
  }

  mark(): number {
    return this.at
  }
  reset(mark: number): void {
    this.at = mark
  }
}

/** `name = token | "quoted"`; null (and nothing taken) when the text is something else. */
function parameter(scanner: Scanner): [string, string] | null {
  const mark = scanner.mark()
  const name = scanner.take(TOKEN)
  scanner.skipSpace()
  if (name === null || !scanner.takeCharacter('=')) {
    scanner.reset(mark)
    return null
  }
  scanner.skipSpace()
  const value = scanner.takeCharacter('"') ? scanner.quoted() : scanner.take(TOKEN)
  if (value === null) {
    scanner.reset(mark)
    return null
  }
  return [name.toLowerCase(), value]
}

/**
 * Parses WWW-Authenticate (RFC 9110, section 11.6.1): several challenges in one header, commas inside quotes, escapes.
 * What does not parse ends the reading; the challenges before it are kept.
 */
export function parseAuthChallenges(header: string): AuthChallenge[] {
  const challenges: AuthChallenge[] = []
  if (header.length > CHALLENGE_LIMIT_CHARACTERS) return challenges
  const scanner = new Scanner(header)
  for (;;) {
    do {
      scanner.skipSpace()
    } while (scanner.takeCharacter(','))
    if (scanner.isAtEnd) return challenges
    const pair = parameter(scanner)
    if (pair !== null) {
      const current = challenges.at(-1)
      if (current === undefined) return challenges
      // The first of two equal names counts, so that nothing appended later replaces it.
      if (!current.parameters.has(pair[0])) current.parameters.set(pair[0], pair[1])
      continue
    }
    const scheme = scanner.take(TOKEN)
    if (scheme === null) return challenges
    challenges.push({ scheme: scheme.toLowerCase(), parameters: new Map() })
    scanner.skipSpace()
    const mark = scanner.mark()
    // `Negotiate abc==` carries one token68; `Basic realm=x` does not, and `Bearer, Basic` has neither.
    if (parameter(scanner) === null && scanner.take(TOKEN68) !== null) continue
    scanner.reset(mark)
  }
}
