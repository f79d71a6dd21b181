import { PharosError } from '@pharos/contracts'

/** Deepest nesting that is read; what our contracts define is far flatter. */
const MAX_DEPTH = 64

/**
 * Parses JSON and refuses what `JSON.parse` lets pass: a key that stands twice in an object (readers disagree on which one
 * counts), `__proto__` as a key, and nesting over 64 levels. Costs one more pass over the text.
 * Throws `PharosError` `json-invalid` or `json-duplicate-key`, the latter with a pointer to each repeated key (at most 20).
 */
export function parseStrictJson(source: string): unknown {
  let value: unknown
  try {
    value = JSON.parse(source)
  } catch (error) {
    // The engine's message quotes the text, which may hold a secret; the place is enough.
    const position = error instanceof SyntaxError ? /position (\d+)/.exec(error.message)?.[1] : undefined
    const where = position === undefined ? '' : ` It fails to parse at character ${position}.`
    throw new PharosError('json-invalid', `The body must be JSON (RFC 8259).${where}`)
  }
  const repeated = findRepeatedKeys(source)
  if (repeated.length > 0) {
    throw new PharosError('json-duplicate-key', 'The body holds a key more than once in the same object; each key may stand once.', {
      errors: repeated.map((pointer) => ({ pointer, detail: 'This key stands more than once' })),
    })
  }
  return value
}

interface ObjectFrame {
  readonly kind: 'object'
  readonly keys: Set<string>
  key: string
  expectsKey: boolean
}

interface ArrayFrame {
  readonly kind: 'array'
  index: number
}

const QUOTE = 0x22
const BACKSLASH = 0x5c

/** Pointers of the keys that stand twice. The text is valid JSON: only its structure is followed. */
function findRepeatedKeys(source: string): string[] {
  const repeated: string[] = []
  const stack: (ObjectFrame | ArrayFrame)[] = []
  for (let at = 0; at < source.length; at += 1) {
    const top = stack.at(-1)
    switch (source.charCodeAt(at)) {
      case QUOTE: {
        const end = endOfString(source, at)
        if (top?.kind === 'object' && top.expectsKey) {
          const raw = source.slice(at + 1, end)
          const key = raw.includes('\\') ? String(JSON.parse(source.slice(at, end + 1))) : raw
          top.key = key
          top.expectsKey = false
          if (key === '__proto__') {
            throw new PharosError('json-invalid', 'The key __proto__ is not allowed.', {
              errors: [{ pointer: pointerOf(stack), detail: 'This key is not allowed' }],
            })
          }
          if (top.keys.has(key)) repeated.push(pointerOf(stack))
          if (repeated.length >= 20) return repeated
          top.keys.add(key)
        }
        at = end
        break
      }
      case 0x7b: // {
        stack.push({ kind: 'object', keys: new Set(), key: '', expectsKey: true })
        checkDepth(stack.length)
        break
      case 0x5b: // [
        stack.push({ kind: 'array', index: 0 })
        checkDepth(stack.length)
        break
      case 0x7d: // }
      case 0x5d: // ]
        stack.pop()
        break
      case 0x2c: // ,
        if (top?.kind === 'object') top.expectsKey = true
        else if (top?.kind === 'array') top.index += 1
        break
    }
  }
  return repeated
}

function checkDepth(depth: number): void {
  if (depth > MAX_DEPTH) throw new PharosError('json-invalid', `The body is nested deeper than ${MAX_DEPTH} levels.`)
}

/** Place of the quote that ends the string which begins at `start`: the first one after an even number of backslashes. */
function endOfString(source: string, start: number): number {
  let end = source.indexOf('"', start + 1)
  for (;;) {
    let backslashes = 0
    while (source.charCodeAt(end - 1 - backslashes) === BACKSLASH) backslashes += 1
    if (backslashes % 2 === 0) return end
    end = source.indexOf('"', end + 1)
  }
}

function pointerOf(stack: readonly (ObjectFrame | ArrayFrame)[]): string {
  return `#/body/${stack.map((frame) => (frame.kind === 'object' ? escapePointer(frame.key) : frame.index)).join('/')}`
}

/** Escapes one token of a JSON pointer (RFC 6901). */
export function escapePointer(token: string): string {
  return token.replaceAll('~', '~0').replaceAll('/', '~1')
}
