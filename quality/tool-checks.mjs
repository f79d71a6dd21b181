import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * @typedef {{ name: string, state: 'passed' | 'failed' | 'skipped', detail: string }} Result
 * @typedef {{ name: string, run: (root: string) => Promise<Result[]> }} Check
 */

/** Runs one of the project's own commands; resolves with its output whatever its exit code is. */
function run(root, command, args, { input, env } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(join(root, 'node_modules/.bin', command), args, {
      cwd: root,
      env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0', ...env },
    })
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text))
    child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text))
    child.on('error', reject)
    child.on('close', (exitCode) => resolve({ exitCode, stdout, stderr, output: `${stdout}${stderr}`.trim() }))
    child.stdin.end(input ?? '')
  })
}

function result(name, isRight, detail) {
  return { name, state: isRight ? 'passed' : 'failed', detail: isRight ? '' : detail }
}

/** The type-aware rules read the built declarations of other packages; without them every import would be an unknown. */
function unbuiltPackages(root) {
  const packages = readdirSync(join(root, 'packages')).filter((name) => existsSync(join(root, 'packages', name, 'package.json')))
  return packages.filter((name) => !existsSync(join(root, 'packages', name, 'dist/index.d.ts')))
}

async function format(root) {
  const checked = await run(root, 'biome', ['format', '--max-diagnostics=20', '.'])
  const ugly = 'export const  a = {b:"c"};\n'
  const probe = await run(root, 'biome', ['format', '--stdin-file-path=apps/cli/src/probe.ts'], { input: ugly })
  return [
    result('format', checked.exitCode === 0, `${checked.output}\nnpm run format writes the right form`),
    result('format changes an ugly source', probe.stdout === "export const a = { b: 'c' }\n", probe.output),
  ]
}

async function lint(root) {
  const unbuilt = unbuiltPackages(root)
  const checked = await run(root, 'oxlint', [
    '--disable-nested-config',
    '-f',
    'unix',
    ...(unbuilt.length === 0 ? ['--type-aware'] : []),
    '.',
  ])
  const results = [result('lint', checked.exitCode === 0, checked.output)]
  if (unbuilt.length > 0)
    results.push({ name: 'lint by type', state: 'skipped', detail: `not built yet: ${unbuilt.join(', ')} (npm run build)` })
  return [...results, ...(await lintProbes(root))]
}

/** Each file in probes/lint is named after the rule that must refuse it. */
async function lintProbes(root) {
  const folder = 'quality/probes/lint'
  const probed = await run(root, 'oxlint', ['--type-aware', '--disable-nested-config', '-c', `${folder}/oxlint.json`, '-f', 'unix', folder])
  const sources = readdirSync(join(root, folder)).filter((name) => name.endsWith('.ts') && name !== 'no-cycle-second.ts')
  return sources.map((source) => {
    const rule = source.replace(/\.ts$/, '')
    const isRefused = probed.stdout.split('\n').some((line) => line.startsWith(`${folder}/${source}:`) && line.includes(`(${rule})`))
    return result(`lint refuses ${rule}`, isRefused, 'a source that breaks the rule was accepted')
  })
}

async function types(root) {
  const checked = await run(root, 'tsc', ['-p', 'tsconfig.check.json', '--pretty', 'false'])
  const probe = await run(root, 'tsc', ['-p', 'quality/probes/types', '--pretty', 'false'])
  return [
    result('types', checked.exitCode === 0, checked.output),
    result('types refuse an unchecked index', probe.exitCode !== 0 && probe.stdout.includes('unchecked-index.ts'), probe.output),
  ]
}

async function deadCode(root) {
  const checked = await run(root, 'knip', ['--no-progress', '--no-config-hints'])
  const probe = await run(root, 'knip', ['--directory', 'quality/probes/dead-code', '--no-progress', '--reporter', 'json'])
  const found = ['"forgotten"', '"src/orphan.ts"', '"zod"'].filter((name) => !probe.stdout.includes(name))
  return [
    result('dead code', checked.exitCode === 0, checked.output),
    result('dead code finds an export, a file and a dependency', found.length === 0, `not found: ${found.join(', ')}`),
  ]
}

async function ownSpecs(root) {
  const folder = mkdtempSync(join(tmpdir(), 'pharos-rule-specs-'))
  try {
    const path = join(folder, 'report.json')
    const reporter = join(root, 'scripts/lib/vitest-report.mjs')
    // With CI set a reference page that is missing fails instead of being written.
    const ran = await run(root, 'vitest', ['run', '--root', 'quality', `--reporter=${reporter}`, `--outputFile.pharos=${path}`], {
      env: { CI: '1' },
    })
    if (!existsSync(path)) return [result('specs of the rules', false, `ended without a report (exit code ${ran.exitCode})\n${ran.output}`)]
    const { tests, failures } = JSON.parse(readFileSync(path, 'utf8'))
    // A spec file that does not load has no tests in it, and must not pass for that: its error is a failure without a test.
    const isTest = (failure) => tests.some(({ file, name }) => file === failure.file && name === failure.name)
    return [
      result('specs of the rules', tests.length > 0 && (ran.exitCode === 0 || failures.length > 0), ran.output),
      ...failures.filter((failure) => !isTest(failure)).map(({ file, name, error }) => result(`spec: ${file} ${name}`, false, error)),
      ...tests.map(({ file, name, state }) => ({
        name: `spec: ${name}`,
        state,
        detail: failures.find((failure) => failure.file === file && failure.name === name)?.error ?? '',
      })),
    ]
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Folders with Go sources; what the bridge generates is ignored there as everywhere. */
const goFolders = ['tools/cmd', 'tools/internal', 'packages/starlark-js-bridge/go/cmd', 'packages/starlark-js-bridge/go/engine']

/** The Go sources have the form that gofmt gives them, where Go is present. */
async function goFormat(root) {
  const folders = goFolders.filter((folder) => existsSync(join(root, folder)))
  if (folders.length === 0) return [{ name: 'go format', state: 'skipped', detail: 'no Go sources' }]
  const listed = await new Promise((resolve) => {
    const child = spawn('gofmt', ['-l', ...folders], { cwd: root })
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text) => (output += text))
    child.stderr.setEncoding('utf8').on('data', (text) => (output += text))
    child.on('error', () => resolve(undefined))
    child.on('close', () => resolve(output.trim()))
  })
  if (listed === undefined) return [{ name: 'go format', state: 'skipped', detail: 'gofmt is not on PATH' }]
  return [result('go format', listed === '', `gofmt would change: ${listed}`)]
}

/** What other tools check, each with a probe that shows that it does. */
export const toolChecks = [
  { name: 'lint', run: lint },
  { name: 'types', run: types },
  { name: 'dead-code', run: deadCode },
  { name: 'rule-specs', run: ownSpecs },
  { name: 'format', run: format },
  { name: 'go-format', run: goFormat },
]

/** The version of each checking tool, for the head of the report. */
export function toolVersions(root) {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  return ['@biomejs/biome', 'oxlint', 'knip', 'typescript']
    .map((name) => `${name.split('/').pop()} ${manifest.devDependencies[name]}`)
    .join(', ')
}
