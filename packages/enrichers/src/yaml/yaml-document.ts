import type { EnricherProblem } from '@pharos/contracts'
import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseAllDocuments, type Scalar, type YAMLMap } from 'yaml'
import { resolvePlainScalar } from './yaml-scalar.js'
import { YamlFloat, YamlInteger, type YamlMap, type YamlValue } from './yaml-value.js'

/** Where something stands in a file; counted from 1. */
export interface YamlPlace {
  line: number
  column: number
}

/** The first document of a YAML file, with the places of its values. */
export interface YamlDocument {
  value: YamlValue
  /** The place of a value by its path, or of the nearest one around it. */
  placeOf(path: readonly PropertyKey[]): YamlPlace
}

export type ReadYaml = { ok: true; document: YamlDocument } | { ok: false; problems: EnricherProblem[] }

const limitDepth = 100
const limitProblems = 20

/** Reads a YAML file as gopkg.in/yaml.v3 does, the first document of it. Every syntax error is a problem with its place. */
export function readYaml(file: string, text: string): ReadYaml {
  const lines = new LineCounter()
  try {
    // failsafe: every scalar stays a text, so that its meaning is decided here and not by another library's rules.
    const [first] = parseAllDocuments(text, {
      schema: 'failsafe',
      lineCounter: lines,
      prettyErrors: false,
      logLevel: 'silent',
    }) as Document[]
    if (first === undefined) return { ok: true, document: { value: null, placeOf: () => ({ line: 1, column: 1 }) } }
    if (first.errors.length > 0)
      return { ok: false, problems: first.errors.slice(0, limitProblems).map((error) => syntaxProblem(file, error, lines)) }
    const value = new ValueReader(first, lines).read(first.contents, 0)
    return { ok: true, document: { value, placeOf: (path) => placeOf(first.contents, path, lines) } }
  } catch (error) {
    if (error instanceof UnreadableNodeError) return { ok: false, problems: [{ file, ...error.place, message: error.message }] }
    if (error instanceof RangeError) return { ok: false, problems: [{ file, message: 'This YAML is nested too deeply to be read.' }] }
    throw error
  }
}

function syntaxProblem(file: string, error: { pos: [number, number]; message: string }, lines: LineCounter): EnricherProblem {
  return { file, ...placeAt(lines, error.pos[0]), message: `This is no YAML: ${error.message.split('\n')[0] ?? ''}` }
}

class UnreadableNodeError extends Error {
  constructor(
    readonly place: YamlPlace,
    message: string,
  ) {
    super(message)
  }
}

/** Turns nodes into values. What an anchor names is read once and then shared, so aliases cost nothing here. */
class ValueReader {
  private readonly done = new Map<Node, YamlValue>()
  private readonly open = new Set<Node>()

  constructor(
    private readonly document: Document,
    private readonly lines: LineCounter,
  ) {}

  read(node: unknown, depth: number): YamlValue {
    if (node === null || node === undefined) return null
    const at = node as Node
    if (isAlias(at)) return this.readAlias(at.source, at.resolve(this.document), at, depth)
    const known = this.done.get(at)
    if (known !== undefined) return known
    if (depth > limitDepth) throw new UnreadableNodeError(this.placeOf(at), `This is nested more than ${limitDepth} deep.`)
    this.open.add(at)
    const value = isMap(at)
      ? this.readMap(at, depth)
      : isSeq(at)
        ? at.items.map((item) => this.read(item, depth + 1))
        : readScalar(at as Scalar)
    this.open.delete(at)
    this.done.set(at, value)
    return value
  }

  private readAlias(name: string, target: Node | undefined, at: Node, depth: number): YamlValue {
    if (target === undefined) throw new UnreadableNodeError(this.placeOf(at), `No anchor &${name} stands before this alias.`)
    if (this.open.has(target)) throw new UnreadableNodeError(this.placeOf(at), `The alias *${name} stands inside of what it names.`)
    return this.read(target, depth)
  }

  private readMap(node: YAMLMap, depth: number): YamlMap {
    const own: YamlMap = new Map()
    const merged: YamlMap[] = []
    for (const { key, value } of node.items) {
      const isMerge = isScalar(key) && key.type === 'PLAIN' && key.value === '<<'
      if (isMerge) merged.push(...this.mergedMaps(this.read(value, depth + 1), key))
      else own.set(this.keyText(key, depth), this.read(value, depth + 1))
    }
    // Of merged maps the first wins, and the map's own keys win over all.
    for (const map of merged) for (const [name, value] of map) if (!own.has(name)) own.set(name, value)
    return own
  }

  private mergedMaps(value: YamlValue, key: Node): YamlMap[] {
    const maps = Array.isArray(value) ? value : [value]
    return maps.map((map) => {
      if (map instanceof Map) return map
      throw new UnreadableNodeError(this.placeOf(key), 'Only a map, or a list of maps, can be merged with <<.')
    })
  }

  private keyText(key: unknown, depth: number): string {
    const value = this.read(key, depth + 1)
    if (typeof value === 'string') return value
    if (value instanceof YamlInteger) return value.digits
    if (value === null || typeof value === 'boolean') return String(value)
    if (value instanceof YamlFloat) return String(value.value)
    if (isScalar(key)) return String(key.source ?? key.value)
    throw new UnreadableNodeError(this.placeOf(key as Node), 'A key must be a text, not a list or a map.')
  }

  private placeOf(node: Node): YamlPlace {
    return placeAt(this.lines, node.range?.[0] ?? 0)
  }
}

function readScalar(node: Scalar): YamlValue {
  const text = typeof node.value === 'string' ? node.value : ''
  if (node.tag === 'tag:yaml.org,2002:str' || node.tag === '!') return text
  if (node.tag === 'tag:yaml.org,2002:binary') return Buffer.from(text, 'base64').toString('utf8')
  return node.type === 'PLAIN' || node.type === undefined ? resolvePlainScalar(text) : text
}

function placeAt(lines: LineCounter, offset: number): YamlPlace {
  const { line, col } = lines.linePos(offset)
  return { line: Math.max(line, 1), column: Math.max(col, 1) }
}

function placeOf(root: Node | null, path: readonly PropertyKey[], lines: LineCounter): YamlPlace {
  let node: unknown = root
  for (const part of path) {
    const next: unknown = isMap(node)
      ? node.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === String(part))?.value
      : isSeq(node)
        ? node.items[Number(part)]
        : undefined
    if (next === null || next === undefined) break
    node = next
  }
  return placeAt(lines, (node as Node | null)?.range?.[0] ?? 0)
}
