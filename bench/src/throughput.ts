import { join } from 'node:path'
import type { ScanTask } from '@pharos/contracts'
import { databaseOf, type ImageSite, openImageSite } from './image-site.js'
import { printMachineFacts } from './machine-facts.js'
import { readSizes } from './options.js'
import { type Suite, startSuite } from './pharos-suite.js'
import { PlainGrype } from './plain-grype.js'
import { mebibytes, perSecond, printTable, seconds, times, verdict } from './print.js'
import { cpuMs, endedChildrenCpuMs, type Memory, watchMemory } from './process-usage.js'

const sizes = readSizes('Throughput: a set of images from first submit to last stored result, against a loop of grype commands.', {
  small: { default: 40, description: 'Small Alpine images with an npm application' },
  debian: { default: 20, description: 'Debian-based images that share a large base layer' },
  width: { default: 2, description: 'Commands of the plain loop that run at once' },
  slots: { default: 2, description: "The worker's slots" },
  warmUp: { default: 2, description: 'Scans of another image before the first submit, so that engines run; 0 starts them cold' },
})

interface Pass {
  wallMs: number
  cpuMs: number
  peak: Memory
  /** Number of findings by reference. */
  findings: ReadonlyMap<string, number>
}

async function main(): Promise<void> {
  const site = await openImageSite({ smallCount: sizes.small, debianCount: sizes.debian })
  const suite = await startSuite({ environment: { 'scanner-worker': { PHAROS_SLOTS: String(sizes.slots) } } })
  try {
    await printMachineFacts(suite.settings.databaseUrl)
    await compare(site, suite)
  } finally {
    await suite.close()
    await site.close()
  }
}

async function compare(site: ImageSite, suite: Suite): Promise<void> {
  const references = [...site.small, ...site.debian]
  const database = await databaseOf('current')
  await suite.gateway.allowLocalRegistry(site.host)
  await suite.gateway.importDatabase(await database.read())
  await warmUp(site, suite)
  const pharos = await scanWithPharos(references, suite)
  const grype = await PlainGrype.prepare(join(suite.home, 'grype'), database.archivePath)
  const plain = await scanWithLoop(references, grype)
  printTable(
    `${references.length} images (${site.small.length} small, ${site.debian.length} Debian), caches cold, ${sizes.warmUp} scans of another image before; ${sizes.width} grype commands at once`,
    [
      ['', 'wall', 'images', 'CPU', 'peak RSS', 'peak PSS', 'findings'],
      row('Pharos, all processes', references.length, pharos),
      row('grype loop', references.length, plain),
    ],
  )
  console.log(`  speed: ${times(plain.wallMs / pharos.wallMs)} as fast, ${verdict(plain.wallMs / pharos.wallMs >= 3, 'at least 3x')}`)
  console.log(`  CPU:   ${times(pharos.cpuMs / plain.cpuMs)} the CPU time, ${verdict(pharos.cpuMs / plain.cpuMs <= 0.4, 'at most 0.4x')}`)
  requireSameFindings(pharos.findings, plain.findings)

  const stored = references.length + (sizes.warmUp > 0 ? 1 : 0)
  const rescan = await rescanWithNextDatabase(stored, suite)
  printTable(`${stored} stored images after a changed database: match only`, [
    ['', 'wall', 'images', 'CPU', 'peak RSS', 'peak PSS', 'findings'],
    row('Pharos, all processes', stored, rescan),
  ])
}

async function warmUp(site: ImageSite, { gateway }: Suite): Promise<void> {
  if (sizes.warmUp === 0) return
  const items = Array.from({ length: sizes.warmUp }, () => ({ image: site.warmUp, force: true }))
  await gateway.submitAll(items, 'warm-up')
  await gateway.untilEnded('warm-up')
}

async function scanWithPharos(references: readonly string[], { gateway, pids }: Suite): Promise<Pass> {
  const cpuBefore = cpuMs(pids)
  const memory = watchMemory(() => pids)
  const beganMs = Date.now()
  await gateway.submitAll(
    references.map((image) => ({ image })),
    'bench',
  )
  const tasks = await gateway.untilEnded('bench')
  return { wallMs: lastEnd(tasks) - beganMs, cpuMs: cpuMs(pids) - cpuBefore, peak: memory.stop(), findings: findingsOf(tasks) }
}

async function scanWithLoop(references: readonly string[], grype: PlainGrype): Promise<Pass> {
  const cpuBefore = endedChildrenCpuMs()
  const memory = watchMemory(() => grype.pids())
  const beganMs = performance.now()
  const findings = await grype.scanAll(references, sizes.width)
  return { wallMs: performance.now() - beganMs, cpuMs: endedChildrenCpuMs() - cpuBefore, peak: memory.stop(), findings }
}

/** From the first rescan's submission to the last one's end; the check of the new database lies before it. */
async function rescanWithNextDatabase(count: number, { gateway, pids }: Suite): Promise<Pass> {
  const next = await databaseOf('next')
  const archive = await next.read()
  await gateway.importDatabase(archive)
  const cpuBefore = cpuMs(pids)
  const memory = watchMemory(() => pids)
  const tasks = await gateway.untilAllOfCause('database', count)
  const beganMs = Math.min(...tasks.map(({ submittedAt }) => Date.parse(submittedAt)))
  return { wallMs: lastEnd(tasks) - beganMs, cpuMs: cpuMs(pids) - cpuBefore, peak: memory.stop(), findings: findingsOf(tasks) }
}

function row(title: string, images: number, { wallMs, cpuMs: cpu, peak, findings }: Pass): (string | number)[] {
  return [
    title,
    seconds(wallMs),
    perSecond(images, wallMs),
    seconds(cpu),
    mebibytes(peak.rssBytes),
    mebibytes(peak.pssBytes),
    [...findings.values()].reduce((sum, count) => sum + count, 0),
  ]
}

function lastEnd(tasks: readonly ScanTask[]): number {
  return Math.max(...tasks.map(({ endedAt }) => Date.parse(endedAt ?? '')))
}

function findingsOf(tasks: readonly ScanTask[]): Map<string, number> {
  return new Map(tasks.map(({ image, outcomes }) => [image, outcomes.reduce((sum, { findingCount }) => sum + findingCount, 0)]))
}

/** Figures of two scanners that find different things compare different work. */
function requireSameFindings(ours: ReadonlyMap<string, number>, theirs: ReadonlyMap<string, number>): void {
  const different = [...theirs].filter(([reference, count]) => ours.get(reference) !== count)
  const texts = different
    .slice(0, 10)
    .map(([reference, count]) => `  ${reference}: Pharos ${ours.get(reference) ?? 'nothing'}, grype ${count}`)
  if (texts.length > 0) throw new Error(`Pharos and grype did not find the same in ${different.length} images:\n${texts.join('\n')}`)
}

await main()
