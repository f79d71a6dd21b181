import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { allowed } from './allowed.mjs'
import { boundaryRules } from './rules/boundaries.mjs'
import { codeRules } from './rules/code.mjs'
import { layerRules } from './rules/layers.mjs'
import { nameRules } from './rules/names.mjs'
import { sizeRules } from './rules/size.mjs'
import { testRules } from './rules/tests.mjs'
import { textRules } from './rules/text.mjs'
import { readSource } from './source-file.mjs'

/**
 * A rule of the house. `probes` are sources that must be refused: the check runs them each time, so that a rule which has
 * stopped working fails the build instead of passing everything.
 * @typedef {{ line: number, message: string }} Finding
 * @typedef {{ name: string, why: string, appliesTo: (path: string) => boolean, check: (file: import('./source-file.mjs').SourceFile) => Finding[],
 *   probes: { path: string, text: string }[] }} Rule
 */

/** @type {Rule[]} */
export const rules = [...boundaryRules, ...layerRules, ...nameRules, ...codeRules, ...testRules, ...textRules, ...sizeRules]

const limitBytes = 1_000_000

/** Tracked files and new ones that are not ignored, as text. Binary and very large files are left out. */
function trackedFiles(root) {
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  })
  const files = []
  for (const path of new Set(listed.split('\0'))) {
    const full = join(root, path)
    if (path === '' || path.startsWith('quality/probes/') || !existsSync(full)) continue
    const stat = statSync(full)
    if (!stat.isFile() || stat.size > limitBytes) continue
    const text = readFileSync(full, 'utf8')
    if (!text.includes('\0')) files.push(readSource(path, text))
  }
  return files
}

/** What one rule finds in one file, path by path. */
export function checkFile(rule, file) {
  return rule.appliesTo(file.path) ? rule.check(file).map((finding) => ({ ...finding, rule: rule.name, path: file.path })) : []
}

/**
 * Runs every rule over the tree and every rule's probes.
 * @returns {{ name: string, kind: 'rule' | 'probe', failures: string[] }[]} one result a rule and one a probe
 */
export function runRules(root) {
  const files = trackedFiles(root)
  const results = []
  for (const rule of rules) {
    const exceptions = allowed.filter((entry) => entry.rule === rule.name)
    const unused = new Set(exceptions)
    const failures = []
    for (const file of files) {
      const findings = checkFile(rule, file)
      const exception = exceptions.find((entry) => entry.path === file.path)
      if (exception && findings.length > 0) unused.delete(exception)
      else failures.push(...findings.map((finding) => `${finding.path}:${finding.line} ${finding.message}`))
    }
    for (const entry of unused) failures.push(`quality/allowed.mjs: ${rule.name} no longer needs the exception for ${entry.path}`)
    results.push({ name: rule.name, kind: 'rule', failures })
    results.push(...probeResults(rule))
  }
  return results
}

function probeResults(rule) {
  if (rule.probes.length === 0) return [{ name: `${rule.name} probe`, kind: 'probe', failures: ['the rule has no probe'] }]
  return rule.probes.map((probe) => {
    const isRefused = checkFile(rule, readSource(probe.path, probe.text)).length > 0
    return {
      name: `${rule.name} refuses ${probe.path}`,
      kind: 'probe',
      failures: isRefused ? [] : ['a source that breaks the rule was accepted'],
    }
  })
}
