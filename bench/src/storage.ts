import { StorageUsage } from '@pharos/contracts'
import pg from 'pg'
import { reportSize } from './generated-report.js'
import { printMachineFacts } from './machine-facts.js'
import { readSizes } from './options.js'
import { type Suite, startSuite } from './pharos-suite.js'
import { printTable, verdict } from './print.js'
import { ReportingWorker } from './reporting-worker.js'

const sizes = readSizes(
  `Storage: bytes in PostgreSQL for images of ${reportSize.packages} packages and ${reportSize.packages * reportSize.matchesPerPackage} findings, and after they were scanned again and again.`,
  {
    images: { default: 200, description: 'Images' },
    own: { default: 10, description: 'Of 100 images, so many share no package with another' },
    rescans: { default: 10, description: 'Times that every image is scanned again' },
  },
)

/** What the groups that grow with the images may take more after the rescans: rows that each scan updates stand twice for a while. */
const slackShare = 0.02

async function main(): Promise<void> {
  const suite = await startSuite({ services: ['results-service', 'api-gateway'] })
  const database = new pg.Client({ connectionString: suite.settings.databaseUrl })
  try {
    await printMachineFacts(suite.settings.databaseUrl)
    await database.connect()
    const worker = new ReportingWorker(suite)
    const empty = await usageOf(suite, database)
    await scanAll(suite, worker, 'first')
    const first = await usageOf(suite, database)
    for (let round = 1; round <= sizes.rescans; round += 1) await scanAll(suite, worker, `again-${round}`)
    const again = await usageOf(suite, database)
    printTable(`${sizes.images} images, ${sizes.own} % of them with packages of their own; without SBOMs`, [
      ['', 'empty', 'scanned once', 'each image', `scanned ${sizes.rescans} times more`, 'each scan'],
      ...again.groups.map(({ name, isPerImage }) => [
        isPerImage ? name : `(${name})`,
        kibibytes(bytesOf(empty, name)),
        kibibytes(bytesOf(first, name)),
        kibibytes((bytesOf(first, name) - bytesOf(empty, name)) / sizes.images),
        kibibytes(bytesOf(again, name)),
        kibibytes((bytesOf(again, name) - bytesOf(first, name)) / (sizes.images * Math.max(sizes.rescans, 1))),
      ]),
    ])
    const bytesPerImage = first.bytesPerImage ?? 0
    console.log(
      `  each image: ${kibibytes(bytesPerImage)}; ${verdict(bytesPerImage <= first.budgetBytesPerImage, `at most ${kibibytes(first.budgetBytesPerImage)}`)}`,
    )
    const growth = growing(again) / growing(first) - 1
    console.log(
      `  after the rescans: ${(100 * growth).toFixed(1)} % more; ${verdict(growth <= slackShare, `at most ${100 * slackShare} %`)}`,
    )
  } finally {
    await database.end()
    await suite.close()
  }
}

/** Every image once, as a worker hands it in. */
async function scanAll(suite: Suite, worker: ReportingWorker, cohort: string): Promise<void> {
  const indexes = Array.from({ length: sizes.images }, (_value, index) => index)
  const ids = await suite.gateway.submitAll(
    indexes.map((index) => ({ image: `registry.example/bench/image-${index}:v1` })),
    cohort,
  )
  for (const [index, id] of ids.entries()) {
    const isOwn = index % 100 < sizes.own
    await worker.report(await worker.prepare(id, `image-${index}`, isOwn ? `own${index}x` : 'shared'))
  }
}

/** The usage when everything dead was cleared away. */
async function usageOf(suite: Suite, database: pg.Client): Promise<StorageUsage> {
  await database.query('vacuum (analyze)')
  return suite.gateway.call('GET', '/system/storage', StorageUsage)
}

function bytesOf({ groups }: StorageUsage, wanted: string): number {
  return groups.find(({ name }) => name === wanted)?.bytes ?? 0
}

function growing({ groups }: StorageUsage): number {
  return groups.filter(({ isPerImage }) => isPerImage).reduce((sum, { bytes }) => sum + bytes, 0)
}

const kibibytes = (bytes: number): string => `${(bytes / 1024).toFixed(1)} KiB`

await main()
