import { parseSync, Visitor } from 'oxc-parser'

/**
 * One tracked file as the rules see it. `imports` holds every module request: static, re-exported and dynamic.
 * @typedef {{ specifier: string, names: string[], line: number }} ImportRequest
 * @typedef {{ path: string, text: string, lineCount: number, imports: ImportRequest[], comments: { text: string, line: number }[],
 *   lineOf: (offset: number) => number, visit: (visitor: object) => void, isTest: boolean }} SourceFile
 */

const codePattern = /\.(ts|mts|mjs|js)$/

/** Specs, and the folders that only specs use. */
const testPattern = /(\.(int-)?spec\.(ts|mjs)$)|(\/__tests__\/)/

/**
 * Reads a file once for all rules. Text that is not code has no imports and no comments.
 * @param {string} path repository path with forward slashes
 * @param {string} text
 * @returns {SourceFile}
 */
export function readSource(path, text) {
  const lineStarts = [0]
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) lineStarts.push(at + 1)
  const lineOf = (/** @type {number} */ offset) => {
    let low = 0
    let high = lineStarts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (lineStarts[middle] <= offset) low = middle
      else high = middle - 1
    }
    return low + 1
  }
  const file = {
    path,
    text,
    lineCount: text.endsWith('\n') ? lineStarts.length - 1 : lineStarts.length,
    lineOf,
    isTest: testPattern.test(path),
  }
  if (!codePattern.test(path)) return { ...file, imports: [], comments: [], visit: () => undefined }
  const parsed = parseSync(path, text)
  return {
    ...file,
    imports: importsOf(parsed.module, text, lineOf),
    comments: parsed.comments.map((comment) => ({ text: comment.value, line: lineOf(comment.start) })),
    visit: (visitor) => new Visitor(visitor).visit(parsed.program),
  }
}

function importsOf(module, text, lineOf) {
  const requests = module.staticImports.map((entry) => ({
    specifier: entry.moduleRequest.value,
    names: entry.entries.map((name) => name.importName.name ?? '*'),
    line: lineOf(entry.start),
  }))
  for (const statement of module.staticExports) {
    const from = statement.entries.find((entry) => entry.moduleRequest)
    if (from) requests.push({ specifier: from.moduleRequest.value, names: ['*'], line: lineOf(statement.start) })
  }
  for (const dynamic of module.dynamicImports) {
    const literal = /^['"`](.*)['"`]$/s.exec(text.slice(dynamic.moduleRequest.start, dynamic.moduleRequest.end))
    if (literal) requests.push({ specifier: literal[1], names: ['*'], line: lineOf(dynamic.start) })
  }
  return requests
}
