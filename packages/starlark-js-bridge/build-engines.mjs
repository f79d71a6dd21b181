#!/usr/bin/env node
// Builds the script engines from go/: dist/engines.wasm, and with --native the same engines as a program of this machine, for comparison.
//
//   node build-engines.mjs [--native] [--needed]
//
// Go is all it needs. What is built stays until its sources change. Without Go it says what to install and ends well, so that the rest of
// the workspace builds; with --needed it ends with an error. A dist/engines.wasm that was put there by other means is then left as it is.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const goFolder = join(here, 'go')
const symbolsFolder = join(goFolder, 'symbols')
const wantsNative = process.argv.includes('--native')
const isNeeded = process.argv.includes('--needed')

const environment = {
  ...process.env,
  CGO_ENABLED: '0',
  // The build takes the Go that is installed; a user who wants another to be fetched says so.
  GOTOOLCHAIN: process.env.GOTOOLCHAIN ?? 'local',
  GOFLAGS: '-mod=readonly -buildvcs=false -trimpath',
  GOWORK: 'off',
}
const wasmEnvironment = { ...environment, GOOS: 'wasip1', GOARCH: 'wasm' }

const isGenerated = (name) => name.endsWith('_symbols.go')

function* sources(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) yield* sources(path)
    else if (/(\.go|^go\.(mod|sum))$/.test(entry.name) && !entry.name.endsWith('_test.go') && !isGenerated(entry.name)) yield path
  }
}

function hashOf(paths, ...words) {
  const hash = createHash('sha256').update(words.join('\0'))
  for (const path of paths) hash.update(`\0${relative(here, path)}\0`).update(readFileSync(path))
  return hash.digest('hex')
}

const read = (path) => (existsSync(path) ? readFileSync(path, 'utf8') : undefined)

/** What is there to do for one output: nothing when its stamp fits. */
function isCurrent({ output, stamp, inputs }) {
  return existsSync(output) && read(stamp) === inputs
}

/** The Go that is installed, or a line that says what is wrong with it. */
function findGo() {
  const wanted = /^go (\S+)$/m.exec(readFileSync(join(goFolder, 'go.mod'), 'utf8'))?.[1]
  const howTo = `install Go ${wanted} or newer from https://go.dev/dl/ and build again`
  const found = spawnSync('go', ['env', 'GOVERSION', 'GOROOT'], { cwd: goFolder, encoding: 'utf8', env: environment })
  if (found.error?.code === 'ENOENT') return { problem: `Go is not installed, so enrichers cannot run: ${howTo}` }
  if (found.status !== 0) return { problem: `Go does not work here (${(found.stderr ?? '').trim().split('\n')[0]}): ${howTo}` }
  const [version, goRoot] = found.stdout.trim().split('\n')
  return { version, goRoot }
}

function go(args, env) {
  const { status, error } = spawnSync('go', args, { cwd: goFolder, env, stdio: ['ignore', 'inherit', 'inherit'] })
  if (error) throw error
  if (status !== 0) throw new Error(`go ${args[0]} failed; its output stands above`)
}

/** The tables of the packages that Yaegi scripts may import, made from the standard library of the Go at hand. */
function makeSymbols({ version, goRoot }) {
  const inputs = hashOf([join(goFolder, 'cmd', 'symbols', 'main.go'), join(goFolder, 'go.mod')], version)
  const stamp = join(here, '.build', 'symbols.stamp')
  const isMade = readdirSync(symbolsFolder).some(isGenerated)
  if (isMade && read(stamp) === inputs) return
  for (const name of readdirSync(symbolsFolder)) if (isGenerated(name)) rmSync(join(symbolsFolder, name))
  // A program that is built with -trimpath does not know where the standard library's sources are.
  go(['run', './cmd/symbols', symbolsFolder], { ...environment, GOROOT: goRoot })
  mkdirSync(dirname(stamp), { recursive: true })
  writeFileSync(stamp, inputs)
}

function build({ output, stamp, inputs, env, args }) {
  process.stdout.write(`building ${relative(here, output)}\n`)
  mkdirSync(dirname(output), { recursive: true })
  // It appears whole, and the stamp last: a build that is cut off is built again.
  const partial = `${output}.${process.pid}`
  try {
    go(['build', ...args, '-o', partial, env === wasmEnvironment ? './cmd/reactor' : './cmd/native'], env)
    rmSync(stamp, { force: true })
    renameSync(partial, output)
    writeFileSync(stamp, inputs)
  } finally {
    rmSync(partial, { force: true })
  }
}

const ofNative = join(goFolder, 'cmd', 'native')
const inputs = hashOf([...sources(goFolder), fileURLToPath(import.meta.url)].filter((path) => !path.startsWith(ofNative)))
const targets = [
  {
    output: join(here, 'dist', 'engines.wasm'),
    stamp: join(here, 'dist', 'engines.stamp'),
    inputs,
    env: wasmEnvironment,
    args: ['-buildmode=c-shared', '-ldflags', '-s -w'],
  },
  ...(wantsNative
    ? [
        {
          output: join(here, '.build', 'engines-native'),
          stamp: join(here, '.build', 'engines-native.stamp'),
          inputs: hashOf([...sources(ofNative)], inputs, process.platform, process.arch),
          env: environment,
          args: [],
        },
      ]
    : []),
].filter((target) => !isCurrent(target))

try {
  if (targets.length > 0) {
    const { problem, ...found } = findGo()
    if (problem === undefined) {
      makeSymbols(found)
      for (const target of targets) build(target)
    } else {
      process.stderr.write(`starlark-js-bridge: ${problem}\n`)
      if (isNeeded) process.exitCode = 1
    }
  }
} catch (error) {
  process.stderr.write(`starlark-js-bridge: ${error.message}\n`)
  process.exitCode = 1
}
