import { FleetProgram } from './fleet/fleet-program.js'
import { type FleetFigures, runFleet } from './fleet/fleet-run.js'
import type { RematchFigures } from './fleet/rematch-run.js'
import { readSizes } from './options.js'
import { mebibytes, milliseconds, perSecond, printTable, quantile, seconds, times, verdict } from './print.js'

const sizes = readSizes('Fleet: loading a made-up fleet, judging it by other databases, and asking about it meanwhile.', {
  images: { default: [10_000], description: 'Images; several sizes, one after the other, give a table of growth' },
  seed: { default: 1, description: 'What the fleet is made of' },
  records: { default: 100_000, description: 'About how many records a vulnerability database holds' },
  projects: { default: 0, description: 'Names of packages for each ecosystem, for small databases; 0 for all' },
  touchedProjects: { default: 5, description: 'Projects that the third database differs in' },
  sample: { default: 200, description: 'Images that are compared with the grype command' },
  parallel: { default: 3, description: 'Reports under way at once' },
  queries: { default: 200, description: 'Least number of times that each question is asked' },
})

async function main(): Promise<void> {
  const program = new FleetProgram(sizes)
  const all: FleetFigures[] = []
  for (const images of sizes.images) {
    const figures = await runFleet(program, { images, parallel: sizes.parallel, sample: sizes.sample, queries: sizes.queries })
    printFigures(figures)
    all.push(figures)
  }
  if (all.length > 1) printGrowth(all)
  if (all.some(({ equality, thirdEquality }) => equality.differences.length + thirdEquality.differences.length > 0))
    throw new Error('what is stored is not what grype finds')
}

function printFigures(figures: FleetFigures): void {
  const { images, pack, load, rows, storage, equality } = figures
  printTable(`loading ${images} images over the real ingest path, ${sizes.parallel} at once (submit, claim, resolve, report)`, [
    ['images', 'wall', 'rate', 'CPU results-service', 'CPU PostgreSQL', 'report, gzip', 'packages', 'findings'],
    [
      images,
      seconds(load.wallMs),
      perSecond(images, load.wallMs),
      `${milliseconds(load.resultsCpuMs / images)} each`,
      `${milliseconds(load.postgresCpuMs / images)} each`,
      `${(pack.bytes / images / 1024).toFixed(0)} KiB`,
      `${(pack.packages / images).toFixed(0)} each`,
      `${(pack.findings / images).toFixed(0)} each`,
    ],
  ])
  printTable('occurrences of packages for each unique one', [
    ['type', 'unique', 'in images', 'occurrences a package'],
    ...[...figures.packages, sumOf(figures)].map(({ type, unique, occurrences }) => [
      type,
      unique,
      occurrences,
      (occurrences / unique).toFixed(1),
    ]),
  ])
  printTable(`on disk: ${mebibytes(storage.databaseBytes)}, SBOMs not among it`, [
    ['table, with its indexes', 'size', 'bytes an image'],
    ...storage.tables.map(({ name, bytes }) => [name, mebibytes(bytes), (bytes / images).toFixed(0)]),
    ['all', mebibytes(storage.databaseBytes), (storage.databaseBytes / images).toFixed(0)],
  ])
  console.log(
    `  ${rows.packages} unique packages, ${rows.matches} open matches of ${rows.vulnerabilities} vulnerabilities, ${rows.findings} open findings; after all re-matches ${mebibytes(figures.bytesAfter)}`,
  )
  printRematches(figures)
  printQueries(figures)
  printEquality(images, 'second', equality)
  printEquality(images, 'third', figures.thirdEquality)
}

function printEquality(images: number, database: string, { images: compared, findings, differences }: FleetFigures['equality']): void {
  console.log(`\n${compared} images of ${images} compared with grype sbom: in the ${database} database, ${findings} findings`)
  console.log(differences.length === 0 ? '  all equal' : `  NOT EQUAL in ${differences.length}:`)
  for (const difference of differences.slice(0, 10)) console.log(`  ${difference}`)
}

function sumOf({ packages }: FleetFigures): FleetFigures['packages'][number] {
  const sum = (read: (one: (typeof packages)[number]) => number): number => packages.reduce((total, one) => total + read(one), 0)
  return { type: 'all', unique: sum(({ unique }) => unique), occurrences: sum(({ occurrences }) => occurrences) }
}

/** Seconds to a tenth; nothing for what was not measured. */
const tenths = (value: number | undefined): string => (value === undefined ? '' : `${value.toFixed(1)} s`)

const phasesOf = ({ report }: RematchFigures['rematch']): string =>
  Object.entries(report.seconds.phases ?? {})
    .map(([phase, took]) => `${phase} ${took.toFixed(2)} s`)
    .join(', ')

const cpuOf = ({ cpu }: RematchFigures): number => cpu.reduce((sum, { ms }) => sum + ms, 0)

function printRematches({ images, second, full, third, equality }: FleetFigures): void {
  const plainCpuMs = equality.grypeCpuMs * images
  printTable(
    `re-match of ${images} images; grype sbom: takes ${milliseconds(equality.grypeCpuMs)} of CPU time an image (mean of ${equality.images})`,
    [
      [
        '',
        'wall',
        'since upload',
        'comparing',
        'matching',
        'switch',
        'reports held',
        'CPU',
        'of the loop',
        'matched',
        'skipped',
        'appeared',
        'gone',
        'changed',
        'findings +/-/~',
        'images affected',
      ],
      ...(
        [
          ['second database (1 % of matches, every EPSS)', second],
          ['every package again', full],
          ['third database (a few projects)', third],
        ] as const
      ).map(([title, figures]) => {
        const { report } = figures.rematch
        return [
          title,
          seconds(figures.wallMs),
          seconds(figures.sinceUploadMs),
          tenths(report.seconds.comparing ?? undefined),
          tenths(report.seconds.matching),
          tenths(report.seconds.switching),
          tenths(report.seconds.held),
          seconds(cpuOf(figures)),
          `1/${(plainCpuMs / cpuOf(figures)).toFixed(0)}`,
          report.packages.matched,
          report.packages.skipped,
          report.matches.appeared,
          report.matches.gone,
          report.matches.changed,
          `${report.findings.appeared}/${report.findings.gone}/${report.findings.changed}`,
          `${report.images.affected} (${report.images.rescanned} rescanned)`,
        ]
      }),
    ],
  )
  for (const [title, { cpu, rematch }] of [
    ['second database', second],
    ['every package again', full],
    ['third database', third],
  ] as const) {
    console.log(`  CPU, ${title}: ${cpu.map(({ name, ms }) => `${name} ${seconds(ms)}`).join(', ')}`)
    console.log(`  switch, ${title}: ${phasesOf(rematch)}`)
  }
  console.log(`  second database: ${verdict(second.wallMs <= 60_000, 'under 60 s on two idle cores for 10,000 images')}`)
  console.log(`  every package again: ${verdict(full.wallMs <= 60_000, 'under 60 s on two idle cores for 10,000 images')}`)
  console.log(
    `  every package again: ${times(plainCpuMs / cpuOf(full))} less CPU time than the loop, ${verdict(plainCpuMs / cpuOf(full) >= 100, 'at least 100x')}`,
  )
  console.log(`  third database: ${verdict(third.wallMs <= 5_000, 'under 5 s')}`)
}

function printQueries({ images, queries, beside, isHeldToOneCore }: FleetFigures): void {
  printTable(
    `questions to ${images} images, one at a time, while every package is matched again (${seconds(beside.wallMs)}, its worker ${isHeldToOneCore ? 'held to one core' : 'on all cores: no taskset'})`,
    [
      ['', 'asked', 'rows', 'p50', 'p95', 'slowest'],
      ...queries.map(({ name, latenciesMs, rows }) => [
        name,
        latenciesMs.length,
        rows,
        milliseconds(quantile(latenciesMs, 0.5)),
        milliseconds(quantile(latenciesMs, 0.95)),
        milliseconds(quantile(latenciesMs, 1)),
      ]),
    ],
  )
  for (const { name, latenciesMs } of queries) console.log(`  ${name}: ${verdict(quantile(latenciesMs, 0.95) <= 50, 'p95 under 50 ms')}`)
}

function printGrowth(all: readonly FleetFigures[]): void {
  printTable('growth', [
    [
      'images',
      'unique packages',
      'matches',
      'findings',
      'load',
      'bytes an image',
      'second database',
      'every package',
      'third database',
      ...(all[0]?.queries ?? []).map(({ name }) => `${name} p95`),
    ],
    ...all.map((figures) => [
      figures.images,
      figures.rows.packages,
      figures.rows.matches,
      figures.rows.findings,
      perSecond(figures.images, figures.load.wallMs),
      (figures.storage.databaseBytes / figures.images).toFixed(0),
      seconds(figures.second.wallMs),
      seconds(figures.full.wallMs),
      seconds(figures.third.wallMs),
      ...figures.queries.map(({ latenciesMs }) => milliseconds(quantile(latenciesMs, 0.95))),
    ]),
  ])
}

await main()
