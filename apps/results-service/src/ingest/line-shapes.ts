/** A string and whether it is the name of a field. Only for JSON without escapes. */
const strings = /"([^"]*)"(:?)/g
const special = /[.*+?^${}()|[\]\\/]/g
const anyText = '"[^"\\\\\\x00-\\x1f]*"'

/** Longer documents are rare, and of shapes that do not come again. */
const longestBytes = 16 * 1024

/**
 * Shapes of JSON that a schema has accepted: documents with all that their strings hold left out, but for names of fields. Where a
 * schema takes any text for its strings, a document of a known shape needs no parse, which makes objects that nobody reads. Shapes
 * are regular expressions, since nothing else compares bytes as fast here; they never look at a byte twice, as no string that they
 * skip can hold the quote behind it. What has an escape in it has no shape.
 */
export class LineShapes {
  /** The one that was met last comes first: lines of a shape come in a row. */
  private readonly shapes: RegExp[] = []

  constructor(private readonly limit: number) {}

  /** Whether the document has a shape that was accepted. */
  has(json: Buffer): boolean {
    if (json.byteLength > longestBytes) return false
    const text = json.toString('latin1')
    const [first] = this.shapes
    if (first?.test(text) === true) return true
    const position = this.shapes.findIndex((shape) => shape.test(text))
    if (position === -1) return false
    this.shapes.unshift(...this.shapes.splice(position, 1))
    return true
  }

  /** Takes up the shape of a document that was accepted. */
  accept(json: Buffer): void {
    if (json.byteLength > longestBytes || json.includes('\\')) return
    this.shapes.unshift(shapeOf(json.toString('latin1')))
    if (this.shapes.length > this.limit) this.shapes.pop()
  }
}

function shapeOf(json: string): RegExp {
  let pattern = ''
  let end = 0
  for (const found of json.matchAll(strings)) {
    pattern += literal(json.slice(end, found.index)) + (found[2] === '' ? anyText : literal(found[0]))
    end = found.index + found[0].length
  }
  return new RegExp(`^${pattern}${literal(json.slice(end))}$`)
}

const literal = (text: string): string => text.replace(special, '\\$&')
