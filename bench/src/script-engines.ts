import { spawn, spawnSync, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { availableParallelism, loadavg } from 'node:os'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { createBridge, JsonText, type Bridge, type Chain, type ScriptEngine, type ScriptStep } from 'starlark-js-bridge'
import { readSizes } from './options.js'
import { mebibytes, median, milliseconds, perSecond, printTable, times, verdict } from './print.js'

/** The script engines: time a call, against the same Go code as a process of its own in the same run; three enrichers against one; memory; cold start. */

const sizes = readSizes('Script engines: WebAssembly against the native process', {
  findings: { default: 2_000, description: 'findings of the large payload, about 1.1 kB each' },
  rounds: { default: 15, description: 'timed calls of each kind' },
})

const engines: readonly ScriptEngine[] = ['starlark', 'template', 'yaegi']

/** A typical script of each kind: a summary by severity, and a few that matter by name. */
const scripts: Record<ScriptEngine, string> = {
  starlark: `def enrich(input):
    counts = {}
    worst = []
    for f in input.payload.Findings:
        counts[f.Severity] = counts.get(f.Severity, 0) + 1
        if f.Severity == "Critical" and f.FixVersions:
            worst.append(f.AdvId)
    return {"counts": counts, "worst": sorted(worst)[:10], "distro": input.payload.Image.DistroName}
`,
  template: `distro: {{ .payload.Image.DistroName }}
critical: {{ filter "Severity" "startsWith" "Critical" .payload.Findings | count }}
high: {{ filter "Severity" "startsWith" "High" .payload.Findings | count }}
worst: {{ filter "Severity" "startsWith" "Critical" .payload.Findings | map "field" "AdvId" | sortAlpha | first | toYaml }}
`,
  yaegi: `package main

import "sort"

func enrich(input map[string]interface{}) map[string]interface{} {
	payload := input["payload"].(map[string]interface{})
	counts := map[string]int{}
	worst := []string{}
	for _, each := range payload["Findings"].([]interface{}) {
		f := each.(map[string]interface{})
		severity := f["Severity"].(string)
		counts[severity]++
		if severity == "Critical" && f["FixVersions"] != nil {
			worst = append(worst, f["AdvId"].(string))
		}
	}
	sort.Strings(worst)
	if len(worst) > 10 {
		worst = worst[:10]
	}
	return map[string]interface{}{"counts": counts, "worst": worst, "distro": payload["Image"].(map[string]interface{})["DistroName"]}
}
`,
}

const severities = ['Critical', 'High', 'Medium', 'Low', 'Negligible']

function payloadOf(findings: number): string {
  const list = Array.from({ length: findings }, (_unused, i) => ({
    AdvId: `CVE-2026-${String(10_000 + i)}`,
    AdvSource: 'https://security.example/tracker',
    AdvAliases: `GHSA-${String(i).padStart(4, '0')}-abcd-efgh`,
    Severity: severities[i % severities.length],
    CvssBase: (i % 100) / 10,
    CvssVectors: ['CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H'],
    Epss: (i % 1000) / 1000,
    Kev: i % 50 === 0,
    DueDate: '2026-12-31T00:00:00Z',
    FoundIn: [`usr/lib/x86_64-linux-gnu/lib${i % 400}.so`, `var/lib/dpkg/status.d/lib${i % 400}`],
    FixState: i % 2 === 0 ? 'fixed' : 'not-fixed',
    FixVersions: i % 2 === 0 ? [`1.${i % 30}.${i % 7}`] : null,
    Package: {
      Name: `lib${i % 400}`,
      Version: `1.0.${i % 90}`,
      Type: 'deb',
      Purl: `pkg:deb/debian/lib${i % 400}@1.0.${i % 90}?arch=amd64`,
    },
    Description: `A flaw in lib${i % 400} lets a remote attacker read memory. `.repeat(8),
  }))
  return JSON.stringify({
    payload: {
      Version: '1',
      Image: { ImageSpec: 'registry.example/app:1.2.3', DistroName: 'debian', DistroVersion: '12' },
      Findings: list,
    },
  })
}

const stepOf = (engine: ScriptEngine): ScriptStep => ({ engine, name: `typical-${engine}`, source: scripts[engine] })
const packageFolder = join(dirname(createRequire(import.meta.url).resolve('starlark-js-bridge')), '..')

/** The native process, spoken to in frames; the answer's last line says \`done\`. */
class NativeProcess {
  private readonly child: ChildProcessWithoutNullStreams
  private rest = ''
  private resolve: (() => void) | undefined

  constructor() {
    this.child = spawn(join(packageFolder, '.build', 'engines-native'), [], { stdio: 'pipe' })
    this.child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.rest = (this.rest + text).slice(-200)
      if (!this.rest.includes('"event":"done"')) return
      this.rest = ''
      this.resolve?.()
    })
  }

  call(engine: ScriptEngine, input: string): Promise<void> {
    const limits = { steps: 10_000_000, maxOutputBytes: 4 << 20, maxDepth: 200, maxPrintLines: 100 }
    const header = JSON.stringify({ operation: 'run', limits, numbers: 'auto', seed: 1, chains: [{ index: 0, steps: [stepOf(engine)] }] })
    const frame: Buffer[] = [uint32(3)]
    for (const part of [header, input, ''].map((text) => Buffer.from(text))) frame.push(uint32(part.length), part)
    return new Promise((resolve) => {
      this.resolve = resolve
      this.child.stdin.write(Buffer.concat(frame))
    })
  }

  close(): void {
    this.child.stdin.end()
  }
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now()
  await work()
  return performance.now() - startedMs
}

/** Calls of both in turn, so that both see the same load. An idle worker has its next instance ready before it is called. */
async function compare(bridge: Bridge, native: NativeProcess, engine: ScriptEngine, input: string, rounds: number) {
  const wasm: number[] = []
  const plain: number[] = []
  for (let i = 0; i < rounds + 4; i++) {
    while (bridge.stats().workers.idle === 0) await new Promise((resolve) => setTimeout(resolve, 2))
    const wasmMs = await timed(() => run(bridge, engine, input))
    const nativeMs = await timed(() => native.call(engine, input))
    if (i < 4) continue
    wasm.push(wasmMs)
    plain.push(nativeMs)
  }
  return { wasmMs: median(wasm), nativeMs: median(plain) }
}

async function run(bridge: Bridge, engine: ScriptEngine, input: string): Promise<void> {
  const result = await bridge.run({ ...stepOf(engine), input: new JsonText(input) })
  if (!result.ok) throw new Error(`${engine}: ${result.error.message}`)
}

async function throughput(bridge: Bridge, engine: ScriptEngine, input: string, count: number): Promise<number> {
  return timed(() => Promise.all(Array.from({ length: count }, () => run(bridge, engine, input))))
}

const chainOf = (engine: ScriptEngine): Chain => ({ name: engine, steps: [stepOf(engine)] })

async function chainsMs(bridge: Bridge, chains: readonly Chain[], shared: string, rounds: number): Promise<number> {
  const all: number[] = []
  for (let i = 0; i < rounds + 2; i++) {
    while (bridge.stats().workers.idle === 0) await new Promise((resolve) => setTimeout(resolve, 2))
    const ms = await timed(async () => {
      for (const result of await bridge.runChains({ shared, chains })) if (!result.ok) throw new Error(result.error.message)
    })
    if (i >= 2) all.push(ms)
  }
  return median(all)
}

const residentMb = (): number => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024

const built = spawnSync(process.execPath, [join(packageFolder, 'build-engines.mjs'), '--native', '--needed'], { stdio: 'inherit' })
if (built.status !== 0) process.exit(1)
console.log(
  `machine: ${availableParallelism()} cores, Node ${process.version}, load ${loadavg()
    .map((load) => load.toFixed(1))
    .join(' ')}`,
)
const big = payloadOf(sizes.findings)
const small = payloadOf(5)
console.log(
  `payloads: ${(big.length / 1e6).toFixed(2)} MB (${sizes.findings} findings) and ${(small.length / 1e3).toFixed(1)} kB (5 findings)`,
)

const bareBytes = residentMb()
const coldMs = await timed(async () => (await createBridge({ workers: 2 })).close())
const secondMs = await timed(async () => (await createBridge({ workers: 2 })).close())

const one = await createBridge({ workers: 1, timeoutMs: 120_000 })
const native = new NativeProcess()
const rows: (string | number)[][] = [['one call', 'bridge', 'native', 'ratio', 'target']]
for (const engine of engines) {
  const { wasmMs, nativeMs } = await compare(one, native, engine, big, sizes.rounds)
  rows.push([
    `${engine}, large`,
    milliseconds(wasmMs),
    milliseconds(nativeMs),
    times(wasmMs / nativeMs),
    verdict(wasmMs <= 4 * nativeMs, '4x'),
  ])
}
for (const engine of engines) {
  const { wasmMs, nativeMs } = await compare(one, native, engine, small, sizes.rounds * 2)
  rows.push([`${engine}, small`, milliseconds(wasmMs), milliseconds(nativeMs), times(wasmMs / nativeMs), verdict(wasmMs < 3, '3 ms')])
}
native.close()
printTable('Time of one call (median)', rows)

const singleMs = await Promise.all([]).then(async () => {
  const all: number[] = []
  for (const engine of engines) all.push(await chainsMs(one, [chainOf(engine)], big, sizes.rounds))
  return all
})
const threeMs = await chainsMs(one, engines.map(chainOf), big, sizes.rounds)
const meanMs = singleMs.reduce((sum, ms) => sum + ms, 0) / singleMs.length
printTable('Three enrichers on one payload, one worker', [
  ['run', 'time', 'against one', 'target'],
  ...engines.map((engine, i) => [`${engine} alone`, milliseconds(singleMs[i] ?? 0), '', '']),
  ['one of each kind', milliseconds(threeMs), times(threeMs / meanMs), verdict(threeMs < 2 * meanMs, '2x the mean of one')],
])
const oneWorkerBytes = residentMb()
await one.close()

const two = await createBridge({ workers: 2, timeoutMs: 120_000 })
const speed: (string | number)[][] = [['calls on two workers', 'large', 'small']]
for (const engine of engines) {
  await throughput(two, engine, big, 4)
  const bigMs = await throughput(two, engine, big, 24)
  const smallMs = await throughput(two, engine, small, 60)
  speed.push([engine, perSecond(24, bigMs), perSecond(60, smallMs)])
}
printTable('Throughput, each run in an instance of its own', speed)
const twoWorkerBytes = residentMb()
await two.close()

printTable('Start and memory', [
  ['what', 'measured', 'target'],
  ['cold start of a pool of two', milliseconds(coldMs), verdict(coldMs < 1_000, '1 s')],
  ['a second pool', milliseconds(secondMs), ''],
  ['this process before any', mebibytes(bareBytes), ''],
  ['after large runs on one worker', mebibytes(oneWorkerBytes), ''],
  ['after large runs on two workers', mebibytes(twoWorkerBytes), ''],
])
console.log(
  `load after: ${loadavg()
    .map((load) => load.toFixed(1))
    .join(' ')}`,
)
