import { reportSize } from './generated-report.js'
import { printMachineFacts } from './machine-facts.js'
import { readSizes } from './options.js'
import { type Suite, startSuite } from './pharos-suite.js'
import { median, milliseconds, perSecond, printTable, quantile, verdict } from './print.js'
import { cpuMs, watchMemory } from './process-usage.js'
import { type ReadyReport, ReportingWorker } from './reporting-worker.js'

const sizes = readSizes(
  `Ingest: reports of ${reportSize.packages} packages and ${reportSize.packages * reportSize.matchesPerPackage} findings, over HTTP into PostgreSQL.`,
  {
    reports: { default: 200, description: 'Reports of each kind' },
    parallel: { default: 3, description: 'Reports under way at once' },
    round: { default: 50, description: 'Reports that are prepared before the clock runs' },
    series: { default: 100, description: 'Reports with all new packages for each number of senders' },
  },
)

/** Reports before the measured ones. */
const warmUpReports = 10

/** Workers that hand in at once, each number in a series of its own. */
const senders = [1, 2, 8] as const

interface Figures {
  wallMs: number
  latenciesMs: number[]
  resultsCpuMs: number
  postgresCpuMs: number
  bytes: number
  /** Of results-service, the most that was seen. */
  peakRssBytes: number
}

async function main(): Promise<void> {
  const suite = await startSuite({ services: ['results-service', 'api-gateway'] })
  try {
    await printMachineFacts(suite.settings.databaseUrl)
    const worker = new ReportingWorker(suite)
    const given = { count: sizes.reports, parallel: sizes.parallel }
    await ingest(suite, worker, 'warm-up', { ...given, count: warmUpReports }, () => 'shared')
    const shared = await ingest(suite, worker, 'shared', given, () => 'shared')
    const fresh = await ingest(suite, worker, 'new', given, (index) => `new${index}x`)
    const again = await ingest(suite, worker, 'shared', given, () => 'shared')
    printTable(`${sizes.reports} reports of each kind, ${sizes.parallel} at once`, [
      heads,
      row('shared packages', shared),
      row('all new packages', fresh),
      row('the same images again', again),
    ])
    const series: (string | number)[][] = []
    for (const parallel of senders) {
      const kind = `senders${parallel}`
      const figures = await ingest(suite, worker, kind, { count: sizes.series, parallel }, (index) => `${kind}x${index}x`)
      series.push(row(parallel === 1 ? '1 sender' : `${parallel} senders`, figures))
    }
    printTable(`${sizes.series} reports with all new packages for each number of senders`, [heads, ...series])
    for (const [name, { wallMs }] of [
      ['shared packages', shared],
      ['all new packages', fresh],
    ] as const) {
      console.log(`  ${name}: ${verdict(sizes.reports / (wallMs / 1000) >= 20, 'at least 20 /s')}`)
    }
  } finally {
    await suite.close()
  }
}

const heads = [
  '',
  'reports',
  'findings',
  'p50',
  'p99',
  'CPU results-service',
  'CPU PostgreSQL',
  'CPU both',
  'peak of results-service',
  'size, gzip',
]

/** Claims and resolves a round of tasks, then hands their reports in; only the latter is timed. */
async function ingest(
  suite: Suite,
  worker: ReportingWorker,
  kind: string,
  { count, parallel }: { count: number; parallel: number },
  variantOf: (index: number) => string,
): Promise<Figures> {
  const figures: Figures = { wallMs: 0, latenciesMs: [], resultsCpuMs: 0, postgresCpuMs: 0, bytes: 0, peakRssBytes: 0 }
  for (let first = 0; first < count; first += sizes.round) {
    const indexes = Array.from({ length: Math.min(sizes.round, count - first) }, (_value, offset) => first + offset)
    const ids = await suite.gateway.submitAll(
      indexes.map((index) => ({ image: `registry.example/bench/${kind}-${index}:v1` })),
      kind,
    )
    const reports: ReadyReport[] = []
    for (const [position, id] of ids.entries()) {
      const index = indexes[position] ?? 0
      reports.push(await worker.prepare(id, `${kind}-${index}`, variantOf(index)))
    }
    await handIn(suite, worker, reports, parallel, figures)
  }
  return figures
}

async function handIn(
  suite: Suite,
  worker: ReportingWorker,
  reports: readonly ReadyReport[],
  parallel: number,
  figures: Figures,
): Promise<void> {
  const queue = [...reports]
  const cpu = (): [number, number] => [cpuMs([suite.pidOf('results-service')]), cpuMs([suite.pidOf('postgresql')])]
  const memory = watchMemory(() => [suite.pidOf('results-service')])
  const [resultsBefore, postgresBefore] = cpu()
  const beganMs = performance.now()
  const lane = async (): Promise<void> => {
    for (let report = queue.shift(); report !== undefined; report = queue.shift()) {
      const sentMs = performance.now()
      await worker.report(report)
      figures.latenciesMs.push(performance.now() - sentMs)
    }
  }
  await Promise.all(Array.from({ length: parallel }, lane))
  figures.wallMs += performance.now() - beganMs
  const [resultsAfter, postgresAfter] = cpu()
  figures.resultsCpuMs += resultsAfter - resultsBefore
  figures.postgresCpuMs += postgresAfter - postgresBefore
  figures.peakRssBytes = Math.max(figures.peakRssBytes, memory.stop().rssBytes)
  figures.bytes = Math.max(figures.bytes, ...reports.map(({ body }) => body.byteLength))
}

function row(title: string, { wallMs, latenciesMs, resultsCpuMs, postgresCpuMs, bytes, peakRssBytes }: Figures): (string | number)[] {
  const count = latenciesMs.length
  return [
    title,
    perSecond(count, wallMs),
    perSecond(count * reportSize.packages * reportSize.matchesPerPackage, wallMs),
    milliseconds(median(latenciesMs)),
    milliseconds(quantile(latenciesMs, 0.99)),
    `${milliseconds(resultsCpuMs / count)} each`,
    `${milliseconds(postgresCpuMs / count)} each`,
    `${milliseconds((resultsCpuMs + postgresCpuMs) / count)} each`,
    `${(peakRssBytes / 2 ** 20).toFixed(0)} MiB`,
    `${(bytes / 1024).toFixed(0)} KiB`,
  ]
}

await main()
