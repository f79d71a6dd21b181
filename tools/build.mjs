#!/usr/bin/env node
// Builds the scanners and the project's Go programs from the pinned module beside this file.
//
//   node tools/build.mjs --out DIR [--if-changed] [--test]
//
// It needs Go and nothing else. DIR gets grype, syft, crane, pharos-engine, pharos-sampledb, pharos-fleet, sample-go-app and a stamp; with --if-changed a DIR
// whose stamp fits is left alone. --test runs the Go tests with the build's own flags, so that both share one build cache.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const tools = dirname(fileURLToPath(import.meta.url))
const stampName = 'tools.stamp.json'
const programs = ['grype', 'syft', 'crane', 'pharos-engine', 'pharos-sampledb', 'pharos-fleet', 'sample-go-app']

/** What the user can act on; it is printed as one line, without a stack. */
class Refusal extends Error {}

function refuse(message) {
  throw new Refusal(message)
}

function parseOptions() {
  try {
    const { values } = parseArgs({
      options: { out: { type: 'string' }, 'if-changed': { type: 'boolean' }, test: { type: 'boolean' } },
    })
    return values
  } catch (error) {
    refuse(error.message)
  }
}

/** The version that go.mod asks for, of Go itself or of a module. */
function pinned(goMod, pattern) {
  const found = pattern.exec(goMod)
  if (found === null) refuse(`go.mod does not match ${pattern}`)
  return found[1]
}

function compareVersions(a, b) {
  const parts = (text) => text.split(/[.-]|rc|beta/).map(Number)
  const [left, right] = [parts(a), parts(b)]
  for (let i = 0; i < 3; i++) {
    const difference = (left[i] || 0) - (right[i] || 0)
    if (difference !== 0) return difference
  }
  return 0
}

function checkGo(environment, wanted) {
  const found = spawnSync('go', ['env', 'GOVERSION'], { cwd: tools, encoding: 'utf8', env: environment })
  const howTo = `install Go ${wanted} or newer from https://go.dev/dl/`
  if (found.error?.code === 'ENOENT') refuse(`Go is not installed: ${howTo}`)
  // A toolchain older than go.mod asks for refuses every command, this one included.
  if (found.status !== 0) refuse(`Go does not work here (${(found.stderr ?? '').trim().split('\n')[0]}): ${howTo}`)
  const version = found.stdout.trim().replace(/^go/, '')
  if (compareVersions(version, wanted) < 0) refuse(`Go ${version} is too old: ${howTo}`)
  return version
}

function* sources(directory) {
  for (const entry of readdirSync(directory, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(directory, entry.name)
    if (entry.isDirectory() && entry.name !== 'bin') yield* sources(path)
    else if (/(\.go|\.txt|^go\.(mod|sum)|^build\.mjs)$/.test(entry.name) && !entry.name.endsWith('_test.go')) yield path
  }
}

/** A hash of everything that decides what the programs are. */
function hashOfInputs(goVersion, environment) {
  const hash = createHash('sha256')
  hash.update(JSON.stringify([goVersion, process.platform, process.arch, environment.GOOS ?? '', environment.GOARCH ?? '']))
  for (const path of sources(tools)) {
    hash.update(`\0${relative(tools, path)}\0`)
    hash.update(readFileSync(path))
  }
  return hash.digest('hex')
}

function isCurrent(out, inputs) {
  const stamp = join(out, stampName)
  if (!existsSync(stamp) || !programs.every((name) => existsSync(join(out, name)))) return false
  try {
    return JSON.parse(readFileSync(stamp, 'utf8')).inputs === inputs
  } catch {
    return false
  }
}

function run(args, cwd, environment) {
  const { status, error, signal } = spawnSync('go', args, { cwd, env: environment, stdio: ['ignore', 'inherit', 'inherit'] })
  if (error) refuse(`go ${args[0]}: ${error.message}`)
  if (status !== 0) refuse(`go ${args[0]} failed${signal ? ` (${signal})` : ''}; its output stands above`)
}

/** Removes what builds that were killed left behind. */
function removeLeftovers(out) {
  for (const name of readdirSync(out)) {
    const pid = Number(/^\.build-(\d+)$/.exec(name)?.[1])
    if (!pid || isAlive(pid)) continue
    rmSync(join(out, name), { recursive: true, force: true })
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

function build(out, inputs, goMod, environment, goVersion) {
  const grype = pinned(goMod, /github\.com\/anchore\/grype v(\S+)/)
  const syft = pinned(goMod, /github\.com\/anchore\/syft v(\S+)/)
  const crane = pinned(goMod, /github\.com\/google\/go-containerregistry v(\S+)/)
  const project = JSON.parse(readFileSync(join(tools, '..', 'package.json'), 'utf8')).version ?? '0.0.0'
  // Programs appear whole, and the stamp last: a build that is cut off is built again.
  const work = join(out, `.build-${process.pid}`)
  mkdirSync(work, { recursive: true })
  removeLeftovers(out)
  const end = (signal) => {
    rmSync(work, { recursive: true, force: true })
    process.exit(signal === 'SIGINT' ? 130 : 143)
  }
  process.once('SIGINT', end).once('SIGTERM', end)
  try {
    // Each program reads its version from a variable of its own main package, so one -X cannot serve all.
    /** @type {[variable: string, packages: string[]][]} */
    const steps = [
      [`main.version=${grype}`, ['github.com/anchore/grype/cmd/grype']],
      [`main.version=${syft}`, ['github.com/anchore/syft/cmd/syft']],
      [`github.com/google/go-containerregistry/cmd/crane/cmd.Version=${crane}`, ['github.com/google/go-containerregistry/cmd/crane']],
      [`main.version=${project}`, ['./cmd/...']],
    ]
    for (const [variable, packages] of steps) {
      process.stdout.write(
        `building ${packages.map((name) => name.replace('./cmd/...', 'pharos-engine, pharos-sampledb, pharos-fleet').replace(/.*\/cmd\//, '')).join(', ')}\n`,
      )
      run(['build', '-ldflags', `-s -w -X ${variable}`, '-o', `${work}/`, ...packages], tools, environment)
    }
    process.stdout.write('building sample-go-app\n')
    run(['build', '-ldflags', '-s -w', '-o', join(work, 'sample-go-app'), '.'], join(tools, 'samples', 'go-app'), {
      ...environment,
      GOOS: 'linux',
      GOARCH: 'amd64',
    })
    rmSync(join(out, stampName), { force: true })
    for (const name of programs) renameSync(join(work, name), join(out, name))
    writeFileSync(join(work, stampName), `${JSON.stringify({ inputs, goVersion, grype, syft, crane, project }, null, 2)}\n`)
    renameSync(join(work, stampName), join(out, stampName))
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  process.stdout.write(`tools are built in ${out}\n`)
}

function main() {
  const options = parseOptions()
  if (options.out === undefined && !options.test) refuse('--out DIR is needed')
  const goMod = readFileSync(join(tools, 'go.mod'), 'utf8')
  const environment = {
    ...process.env,
    CGO_ENABLED: '0',
    // The build takes the Go that is installed; a user who wants another to be fetched says so.
    GOTOOLCHAIN: process.env.GOTOOLCHAIN ?? 'local',
    GOFLAGS: '-mod=readonly -buildvcs=false -trimpath',
    GOWORK: 'off',
  }
  const goVersion = checkGo(environment, pinned(goMod, /^go (\S+)$/m))

  if (options.out !== undefined) {
    const out = resolve(options.out)
    const inputs = hashOfInputs(goVersion, environment)
    if (options['if-changed'] && isCurrent(out, inputs)) {
      process.stdout.write(`tools are current in ${out}\n`)
    } else {
      build(out, inputs, goMod, environment, goVersion)
    }
  }
  if (options.test) run(['test', './...'], tools, environment)
}

try {
  main()
} catch (error) {
  if (!(error instanceof Refusal)) throw error
  process.stderr.write(`tools/build.mjs: ${error.message}\n`)
  process.exitCode = 1
}
