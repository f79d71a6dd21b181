import { gzipSync } from 'node:zlib'
import { EnricherRun, ImageContextPage, reportLines, StoredEnricherSet } from '@pharos/contracts'
import { pollUntil } from '@pharos/service-kit'
import { typicalEnrichers, type TypicalEnricher, typicalSet } from './enrichment/typical-set.js'
import { imageOf, reportOf } from './generated-report.js'
import { printMachineFacts } from './machine-facts.js'
import { readSizes } from './options.js'
import { type Suite, startSuite } from './pharos-suite.js'
import { median, milliseconds, perSecond, printTable, quantile, seconds, times, verdict } from './print.js'
import { cpuMs, memoryOf } from './process-usage.js'
import { ReportingWorker } from './reporting-worker.js'

const sizes = readSizes(
  'Enrichment: a set of enrichers is activated over stored images, no image is scanned. One enricher, then three of different engines; then how soon after its report an image has its contexts.',
  {
    images: { default: 1000, description: 'Stored images' },
    packages: { default: 60, description: 'Packages of an image, four findings each; at most 400' },
    parallel: { default: 3, description: 'Reports under way at once while images are loaded' },
    threads: { default: 2, description: "Threads of the worker's sandbox" },
    fresh: { default: 20, description: 'Images of which the time from report to contexts is taken' },
  },
)

const longestWaitMs = 60 * 60_000

interface Figures {
  enrichers: readonly TypicalEnricher[]
  wallMs: number
  cpu: Record<'scanner-worker' | 'results-service' | 'postgresql', number>
  workerRssBytes: number
}

async function main(): Promise<void> {
  const suite = await startSuite({
    services: ['results-service', 'api-gateway'],
    environment: { 'scanner-worker': { PHAROS_ENRICHER_WORKERS: String(sizes.threads) } },
  })
  try {
    await printMachineFacts(suite.settings.databaseUrl)
    const reporter = new ReportingWorker(suite)
    const payloadBytes = await load(suite, reporter)
    await suite.start('scanner-worker')
    // The first run pays for the start of the sandbox, and for code that was never run.
    await activate(suite, ['owner'], 'warm-up')
    const one = await activate(suite, ['support'], 'one')
    const three = await activate(suite, typicalEnrichers, 'three')
    printTable(
      `${sizes.images} images of ${sizes.packages} packages and ${sizes.packages * 4} findings (a payload of ${(payloadBytes / 1024).toFixed(0)} KiB), ${sizes.threads} threads`,
      [['enrichers', 'wall', 'images', 'CPU worker', 'CPU results-service', 'CPU PostgreSQL', 'RSS worker'], row(one), row(three)],
    )
    console.log(
      `  three enrichers against one: ${times(three.cpu['scanner-worker'] / one.cpu['scanner-worker'])} the worker's CPU time, ${times(three.wallMs / one.wallMs)} the time, ${verdict(three.wallMs / one.wallMs < 2, 'less than 2x')}`,
    )
    // The worker is there for its enrichers alone: reports come from here.
    await suite.gateway.call('POST', '/queues/ci:pause', { parse: () => undefined })
    await freshness(suite, reporter)
  } finally {
    await suite.close()
  }
}

/** Stores the images; answers the size of a payload. */
async function load(suite: Suite, reporter: ReportingWorker): Promise<number> {
  const names = Array.from({ length: sizes.images }, (_value, index) => `stored-${index}`)
  for (let first = 0; first < names.length; first += 250) {
    const batch = names.slice(first, first + 250)
    const ids = await suite.gateway.submitAll(
      batch.map((name) => ({ image: `registry.example/bench/${name}:v1` })),
      'load',
    )
    const queue = batch.map((name, position) => ({ name, id: ids[position] ?? '' }))
    const lane = async (): Promise<void> => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) await store(reporter, next.id, next.name)
    }
    await Promise.all(Array.from({ length: sizes.parallel }, lane))
  }
  const payload = await suite.gateway.call('GET', `/images/${imageOf('stored-0').digest}/enricher-payload`, {
    parse: (value) => JSON.stringify(value),
  })
  return Buffer.byteLength(payload)
}

async function store(reporter: ReportingWorker, taskId: string, name: string): Promise<void> {
  const image = imageOf(name)
  const taken = await reporter.take(taskId, image)
  await reporter.report({ ...taken, body: gzipSync(reportLines(smallReport(image))) })
}

function smallReport(image: ReturnType<typeof imageOf>): ReturnType<typeof reportOf> {
  const report = reportOf(image, 'shared')
  const isKept = (position: number): boolean => position < sizes.packages
  return {
    ...report,
    packages: report.packages.filter((_found, position) => isKept(position)),
    engines: report.engines.map((engine) => ({ ...engine, matches: engine.matches.filter(({ package: position }) => isKept(position)) })),
  }
}

/** Makes a set the active one, and waits until it has run over all images. */
async function activate(suite: Suite, enrichers: readonly TypicalEnricher[], label: string): Promise<Figures> {
  const { gateway } = suite
  const { id } = await gateway.call('POST', '/enrichers/sets', StoredEnricherSet, { json: { files: typicalSet(enrichers), label } })
  await pollUntil(async () => (await gateway.call('GET', `/enrichers/sets/${id}`, StoredEnricherSet)).state !== 'checking', {
    timeoutMs: 60_000,
    what: 'the check of the set',
  })
  const names = ['scanner-worker', 'results-service', 'postgresql'] as const
  const before = names.map((name) => cpuMs([suite.pidOf(name)]))
  const beganMs = performance.now()
  const { id: runId } = await gateway.call('POST', `/enrichers/sets/${id}:activate`, EnricherRun)
  const run = await pollUntil(
    async () => {
      const found = await gateway.call('GET', `/enrichers/runs/${runId}`, EnricherRun)
      return found.state === 'done' ? found : undefined
    },
    { timeoutMs: longestWaitMs, intervalMs: 100, what: 'the end of the run' },
  )
  const wallMs = performance.now() - beganMs
  if (run.subjects.done < sizes.images || run.subjects.failed > 0 || run.contexts.failed > 0)
    throw new Error(`not all was enriched: ${JSON.stringify(run)}`)
  const [worker = 0, results = 0, postgres = 0] = names.map((name, position) => cpuMs([suite.pidOf(name)]) - (before[position] ?? 0))
  return {
    enrichers,
    wallMs,
    cpu: { 'scanner-worker': worker, 'results-service': results, postgresql: postgres },
    workerRssBytes: memoryOf([suite.pidOf('scanner-worker')]).rssBytes,
  }
}

/** How soon an image whose report was stored has its contexts, one image at a time. */
async function freshness(suite: Suite, reporter: ReportingWorker): Promise<void> {
  const times: number[] = []
  for (let index = 0; index < sizes.fresh; index += 1) {
    const name = `fresh-${index}`
    const [taskId = ''] = await suite.gateway.submitAll([{ image: `registry.example/bench/${name}:v1`, priority: 'ci' }], name)
    await store(reporter, taskId, name)
    const storedMs = performance.now()
    await pollUntil(
      async () => {
        const { items } = await suite.gateway.call('GET', `/images/${imageOf(name).digest}/contexts`, ImageContextPage)
        return items.filter(({ owner }) => (typicalEnrichers as readonly string[]).includes(owner)).length === typicalEnrichers.length
      },
      { timeoutMs: 60_000, intervalMs: 20, what: `contexts of ${name}` },
    )
    times.push(performance.now() - storedMs)
  }
  console.log(
    `\nfrom the stored report to all contexts of the image: p50 ${milliseconds(median(times))}, p95 ${milliseconds(quantile(times, 0.95))} (${sizes.fresh} images, one at a time)`,
  )
}

function row({ enrichers, wallMs, cpu, workerRssBytes }: Figures): (string | number)[] {
  const each = (ms: number): string => `${milliseconds(ms / sizes.images)} each`
  return [
    enrichers.join(', '),
    seconds(wallMs),
    perSecond(sizes.images, wallMs),
    each(cpu['scanner-worker']),
    each(cpu['results-service']),
    each(cpu.postgresql),
    `${(workerRssBytes / 1024 ** 2).toFixed(0)} MiB`,
  ]
}

await main()
