import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { repositoryDirectory } from '@pharos/test-kit'
import { databaseOf, openImageSite } from './image-site.js'
import { printMachineFacts } from './machine-facts.js'
import { readSizes } from './options.js'
import { type Suite, startSuite } from './pharos-suite.js'
import { PlainGrype } from './plain-grype.js'
import { median, milliseconds, printTable, quantile, times, verdict } from './print.js'

const sizes = readSizes('One image: wall time of pharos scan on a warm server against one grype command.', {
  runs: { default: 15, description: 'Runs of each command on the small image, in turns' },
  debian: { default: 5, description: 'Runs of each command on the Debian image, which takes ten times as long; 0 leaves it out' },
})

/** A command that takes longer has come to nothing; then the benchmark says so and ends. */
const limitMs = 300_000

/** A way to scan an image; answers its wall time in milliseconds. */
type Scan = (reference: string) => Promise<number>

async function main(): Promise<void> {
  const site = await openImageSite({ smallCount: 1, debianCount: Math.min(1, sizes.debian) })
  const suite = await startSuite()
  try {
    await printMachineFacts(suite.settings.databaseUrl)
    const database = await databaseOf('current')
    await suite.gateway.allowLocalRegistry(site.host)
    await suite.gateway.importDatabase(await database.read())
    const grype = await PlainGrype.prepare(join(suite.home, 'grype'), database.archivePath)
    for (const reference of site.small) await compare({ title: 'small image', reference, runs: sizes.runs, limit: 0.6 }, suite, grype)
    for (const reference of site.debian) await compare({ title: 'Debian image', reference, runs: sizes.debian }, suite, grype)
  } finally {
    await suite.close()
    await site.close()
  }
}

interface Comparison {
  title: string
  reference: string
  runs: number
  /** At most this part of the peer's time is wanted. */
  limit?: number
}

async function compare({ title, reference, runs, limit }: Comparison, suite: Suite, grype: PlainGrype): Promise<void> {
  const scans: Readonly<Record<string, Scan>> = {
    'pharos scan --force': (image) => command(suite, ['scan', '--force', image]),
    'pharos scan': (image) => command(suite, ['scan', image]),
    'grype registry:': async (image) => (await grype.scan(image)).wallMs,
  }
  const timesOf = new Map<string, number[]>(Object.keys(scans).map((name) => [name, []]))
  // The first round warms the server up and fills its cache of layers; grype keeps none.
  for (let round = 0; round <= runs; round += 1) {
    console.error(`${title}: ${round === 0 ? 'warming up' : `round ${round} of ${runs}`}`)
    for (const [name, scan] of Object.entries(scans)) {
      const wallMs = await scan(reference)
      if (round > 0) timesOf.get(name)?.push(wallMs)
    }
  }
  printTable(
    `${title}: ${runs} runs of each, in turns; server warm, layers in its cache (--force makes the catalogue again; without it the kept one is matched)`,
    [
      ['', 'median', 'fastest', 'slowest'],
      ...[...timesOf].map(([name, values]) => [
        name,
        milliseconds(median(values)),
        milliseconds(quantile(values, 0)),
        milliseconds(quantile(values, 1)),
      ]),
      ['pharos --version (the command alone)', milliseconds(median(await repeat(5, () => command(suite, ['--version'])))), '', ''],
    ],
  )
  const ratio = median(timesOf.get('pharos scan --force') ?? []) / median(timesOf.get('grype registry:') ?? [])
  console.log(
    `  pharos scan --force takes ${times(ratio)} the time of grype${limit === undefined ? '' : `, ${verdict(ratio <= limit, `at most ${limit}x`)}`}`,
  )
}

async function repeat(count: number, work: () => Promise<number>): Promise<number[]> {
  const values: number[] = []
  for (let round = 0; round < count; round += 1) values.push(await work())
  return values
}

/** Runs the pharos command as a shell would; fails when it fails. */
async function command({ gateway }: Suite, args: readonly string[]): Promise<number> {
  const beganMs = performance.now()
  const child = spawn(process.execPath, [join(repositoryDirectory, 'apps/cli/dist/main.js'), ...args], {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, PHAROS_SERVER: gateway.address, PHAROS_TOKEN: gateway.token },
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: limitMs,
    killSignal: 'SIGKILL',
  })
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text
  })
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`pharos ${args.join(' ')} ended with ${String(code)}: ${errors.slice(-1000)}`)
  return performance.now() - beganMs
}

await main()
