import { execFileSync } from 'node:child_process'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { GenerationRef } from '@pharos/contracts'
import { findTool } from '@pharos/test-kit'
import pg from 'pg'
import { databaseOf } from '../image-site.js'
import { printMachineFacts } from '../machine-facts.js'
import { type Suite, startSuite } from '../pharos-suite.js'
import { PlainGrype } from '../plain-grype.js'
import { processTree } from '../process-usage.js'
import { ReportingWorker } from '../reporting-worker.js'
import { requireWorkersReports } from './composition-check.js'
import { compareWithGrype, type EqualityFigures, spread } from './equality.js'
import { FleetFiles } from './fleet-files.js'
import type { FleetProgram } from './fleet-program.js'
import { judgePackages, type JudgedPackages } from './judged-packages.js'
import { activeGeneration, type LoadFigures, loadFleet } from './load.js'
import { askInTurns, type QueryFigures, questions } from './query-latency.js'
import { rematchByDatabase, rematchByHand, type RematchFigures, untilIdle } from './rematch-run.js'
import { ReportPack } from './report-pack.js'
import { countPackages, countRows, measureStorage, type PackageFigures } from './storage-figures.js'

/** Which parts of the benchmark run, and how large they are. */
export interface FleetSizes {
  images: number
  parallel: number
  /** Images whose findings are compared with the plain command. */
  sample: number
  /** Least number of times that each question is asked. */
  queries: number
}

/** Everything that was measured of one fleet. */
export interface FleetFigures {
  images: number
  pack: { count: number; bytes: number; packages: number; findings: number; secondsToJudge: number; secondsToCompose: number }
  load: LoadFigures
  packages: PackageFigures[]
  rows: Awaited<ReturnType<typeof countRows>>
  storage: Awaited<ReturnType<typeof measureStorage>>
  /** After the second database, which changes one match in a hundred and every EPSS. */
  second: RematchFigures
  equality: EqualityFigures
  /** Every package again, in the same database. */
  full: RematchFigures
  /** After the third, which differs in a few projects. */
  third: RematchFigures
  /** After the third, of fewer images: here the difference of the databases has chosen what was matched. */
  thirdEquality: EqualityFigures
  queries: QueryFigures[]
  /** The full re-match beside which the questions were asked. */
  beside: RematchFigures
  isHeldToOneCore: boolean
  /** Bytes of the database after all of that, for what re-matches leave. */
  bytesAfter: number
}

/** Images whose composed report is compared with the one that a worker makes of the SBOM. */
const checkedImages = 10

/** Loads a fleet of a size into Pharos of its own and measures it. */
export async function runFleet(program: FleetProgram, sizes: FleetSizes): Promise<FleetFigures> {
  const archives = [await program.database(1), await program.database(2), await program.database(3)] as const
  const files = await FleetFiles.open(await program.images(sizes.images))
  const suite = await startSuite({
    services: ['results-service', 'api-gateway', 'scheduler'],
    environment: {
      // The databases are as old as their facts say: an old one would make every result stale.
      'results-service': { PHAROS_DATABASE_MAX_AGE: '36500d' },
      'api-gateway': { PHAROS_RATE_LIMIT: '1000000', PHAROS_RATE_BURST: '1000000' },
    },
  })
  const client = new pg.Client({ connectionString: suite.settings.databaseUrl })
  try {
    // The server goes first when the run is broken off.
    client.on('error', () => undefined)
    await client.connect()
    await printMachineFacts(suite.settings.databaseUrl)
    return await measureFleet(suite, client, program, files, archives, sizes)
  } finally {
    await client.end()
    await suite.close()
  }
}

async function measureFleet(
  suite: Suite,
  client: pg.Client,
  program: FleetProgram,
  files: FleetFiles,
  [first, second, third]: readonly [string, string, string],
  sizes: FleetSizes,
): Promise<FleetFigures> {
  const work = join(suite.home, 'work')
  await mkdir(work, { recursive: true })
  const [former, sample, later] = [
    await PlainGrype.prepare(join(suite.home, 'grype-first'), first),
    await PlainGrype.prepare(join(suite.home, 'grype-sample'), (await databaseOf('current')).archivePath),
    await PlainGrype.prepare(join(suite.home, 'grype-second'), second),
  ]
  await suite.gateway.importDatabase(await readFile(first))
  const judged = await judgePackages(files, former.databaseDirectory, sample.databaseDirectory, work)
  const worker = new ReportingWorker(suite, judged.cataloguer)
  const generation = await activeGeneration(suite, worker)
  await requireWorkersReports(program, files, judged, generation, spread(sizes.images, checkedImages), {
    databaseDirectory: former.databaseDirectory,
    home: work,
  })
  say(`the composed reports of ${checkedImages} images are those of a worker`)
  const { pack, figures } = await composePack(files, judged, generation, work)
  say(`loading ${pack.count} images`)
  const load = await loadFleet(suite, worker, pack, { parallel: sizes.parallel, cohort: 'fleet' })
  const [packages, rows, storage] = [await countPackages(client), await countRows(client), await measureStorage(client)]
  await suite.start('scanner-worker')
  await untilIdle(suite)
  say('re-match by the second database')
  const bySecond = await rematchByDatabase(suite, second)
  await untilIdle(suite)
  say('comparing with the grype command')
  const equality = await compareWithGrype(client, program, files, spread(sizes.images, sizes.sample), later, work)
  say('re-match of every package')
  const full = await rematchByHand(suite, true)
  await untilIdle(suite)
  say('re-match by the third database')
  const byThird = await rematchByDatabase(suite, third)
  await untilIdle(suite)
  say('comparing with the grype command')
  const latest = await PlainGrype.prepare(join(suite.home, 'grype-third'), third)
  const fewer = Math.ceil(sizes.sample / 4)
  const thirdEquality = await compareWithGrype(client, program, files, spread(sizes.images, fewer), latest, work)
  say('questions beside a re-match')
  const isHeldToOneCore = holdToOneCore(suite)
  const beside = await askBesideRematch(suite, client, sizes.queries)
  const { databaseBytes } = await measureStorage(client)
  return {
    images: sizes.images,
    pack: { ...figures, count: pack.count, bytes: pack.bytes, packages: pack.packageCount, findings: pack.findingCount },
    load,
    packages,
    rows,
    storage,
    second: bySecond,
    equality,
    full,
    third: byThird,
    thirdEquality,
    ...beside,
    isHeldToOneCore,
    bytesAfter: databaseBytes,
  }
}

async function composePack(files: FleetFiles, judged: JudgedPackages, generation: GenerationRef, work: string) {
  say(
    `${judged.packages.length} unique packages: ${judged.seconds.cataloguing.toFixed(1)} s to make their units, ${judged.seconds.matching.toFixed(1)} s to match them`,
  )
  const beganMs = performance.now()
  const pack = await ReportPack.write(join(work, 'reports.pack'), files, judged, generation)
  return { pack, figures: { secondsToJudge: judged.seconds.matching, secondsToCompose: (performance.now() - beganMs) / 1000 } }
}

async function askBesideRematch(
  suite: Suite,
  client: pg.Client,
  least: number,
): Promise<{ queries: QueryFigures[]; beside: RematchFigures }> {
  const { rows } = await client.query<{ native_id: string }>(
    `select v.native_id from (select vulnerability_id, count(*) as n from finding where is_open group by vulnerability_id) c
     join vulnerability v on v.id = c.vulnerability_id order by n desc, native_id`,
  )
  const chosen = [0, 0.001, 0.01, 0.1, 0.5, 0.9].map((share) => rows[Math.floor(share * rows.length)]?.native_id ?? '')
  const asked = questions(chosen)
  // Once without a clock: plans and pages are known by then.
  await askInTurns(suite.gateway, asked, { least: 3, isOver: () => true })
  let isOver = false
  const rematch = rematchByHand(suite, true).finally(() => {
    isOver = true
  })
  const queries = await askInTurns(suite.gateway, asked, { least, isOver: () => isOver })
  return { queries, beside: await rematch }
}

/** Binds what matches, with its engines, to the first core; everything else may use both. */
function holdToOneCore(suite: Suite): boolean {
  const taskset = findTool('taskset')
  if (taskset === undefined) return false
  for (const pid of processTree([suite.pidOf('scanner-worker')]))
    execFileSync(taskset, ['--all-tasks', '--cpu-list', '--pid', '0', String(pid)], { stdio: 'ignore' })
  return true
}

const say = (text: string): void => console.log(`${new Date().toISOString().slice(11, 19)} ${text}`)
