import { checkFile, rules } from './run-rules.mjs'
import { readSource } from './source-file.mjs'

/** The lines that one rule refuses in a source; the spec tables of the rules compare them. */
export function linesRefused(ruleName, path, text) {
  const rule = rules.find((entry) => entry.name === ruleName)
  if (!rule) throw new Error(`no rule is called ${ruleName}`)
  return checkFile(rule, readSource(path, text)).map((finding) => finding.line)
}
