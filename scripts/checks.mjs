#!/usr/bin/env node
// The rules that a machine checks: format, lint, types, dead code, and the house's own rules with a probe for each.
// Usage: node scripts/checks.mjs [--only NAME] [--list]
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runRules } from '../quality/run-rules.mjs'
import { toolChecks, toolVersions } from '../quality/tool-checks.mjs'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const parallel = 2
/** A reference page that differs can differ in thousands of lines. */
const limitDetailLines = 100

/** The house's own rules: one result a rule and one a probe. */
async function houseRules() {
  return runRules(root).map(({ name, failures }) => ({
    name,
    state: failures.length === 0 ? 'passed' : 'failed',
    detail: failures.join('\n'),
  }))
}

const checks = [...toolChecks, { name: 'house-rules', run: houseRules }]

function count(results) {
  const counts = { passed: 0, failed: 0, skipped: 0 }
  for (const { state } of results) counts[state] += 1
  return counts
}

function describe(name, results, seconds) {
  const { passed, failed, skipped } = count(results)
  const tail = [`${passed} passed`, ...(failed > 0 ? [`${failed} failed`] : []), ...(skipped > 0 ? [`${skipped} skipped`] : [])].join(', ')
  const lines = [`${failed > 0 ? 'FAIL' : 'ok  '} ${name.padEnd(12)} ${tail} (${seconds.toFixed(1)} s)`]
  for (const entry of results) {
    if (entry.state === 'passed') continue
    const detail = entry.detail.split('\n').filter(Boolean)
    lines.push(`     ${entry.state} ${entry.name}`, ...detail.slice(0, limitDetailLines).map((line) => `       ${line}`))
    if (detail.length > limitDetailLines) lines.push(`       (${detail.length - limitDetailLines} more lines)`)
  }
  return lines.join('\n')
}

/**
 * Runs the checks, two at a time, and prints one line for each (and what it found).
 * @param {{ only?: string, print?: (line: string) => void }} [options]
 * @returns {Promise<import('./lib/tally.mjs').Outcome>} each check and each probe counts as one
 */
export async function runChecks({ only, print = console.log } = {}) {
  const waiting = checks.filter((check) => only === undefined || check.name === only)
  if (waiting.length === 0) throw new Error(`no check is called ${only}; there are ${checks.map((check) => check.name).join(', ')}`)
  const all = []
  /** @type {import('./lib/tally.mjs').Failure[]} */
  const failures = []
  const work = async () => {
    for (let check = waiting.shift(); check; check = waiting.shift()) {
      const startedMs = Date.now()
      let results
      try {
        results = await check.run(root)
      } catch (error) {
        results = [{ name: check.name, state: 'failed', detail: error instanceof Error ? (error.stack ?? error.message) : String(error) }]
      }
      print(describe(check.name, results, (Date.now() - startedMs) / 1000))
      all.push(...results)
      for (const { state, name, detail } of results)
        if (state === 'failed') failures.push({ file: `check ${check.name}`, name, error: detail })
    }
  }
  await Promise.all(Array.from({ length: parallel }, work))
  return { ...count(all), failures }
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const at = process.argv.indexOf('--only')
  if (process.argv.includes('--list')) console.log(checks.map((check) => check.name).join('\n'))
  else {
    console.log(`checks: ${toolVersions(root)}`)
    const counts = await runChecks({ only: at === -1 ? undefined : process.argv[at + 1] })
    console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
    process.exitCode = counts.failed > 0 ? 1 : 0
  }
}
