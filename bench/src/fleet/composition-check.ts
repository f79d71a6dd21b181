import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { GenerationRef, ReportMatch, ReportPackage, ReportVulnerability } from '@pharos/contracts'
import { composeReport, referenceOf } from './composed-report.js'
import type { FleetFiles } from './fleet-files.js'
import type { FleetProgram } from './fleet-program.js'
import { type JudgedPackages, scannerOf, scanSbom, withEngine } from './judged-packages.js'

/** What decides whether two reports say the same of an image. */
interface Content {
  packages: readonly ReportPackage[]
  inputs: readonly string[]
  vulnerabilities: readonly ReportVulnerability[]
  matches: readonly ReportMatch[]
}

/**
 * Fails unless the composed reports of some images are what a worker reports of their SBOMs: the same packages at the same places
 * with the same match units, and the same matches with everything that is said of them. The order of packages and matches is free.
 */
export async function requireWorkersReports(
  program: FleetProgram,
  files: FleetFiles,
  judged: JudgedPackages,
  generation: GenerationRef,
  numbers: readonly number[],
  { databaseDirectory, home }: { databaseDirectory: string; home: string },
): Promise<void> {
  const directory = join(home, 'checked-sboms')
  const paths = await program.sboms(numbers, directory)
  await withEngine(home, async (engine, hello) => {
    const scanner = scannerOf(engine, hello)
    let number = 0
    for await (const image of files.images()) {
      const path = paths.get(number)
      number += 1
      if (path === undefined) continue
      const { catalogue, findings, lines } = await scanSbom(scanner, path, databaseDirectory, home)
      const scanned = { packages: catalogue.packages, inputs: lines, vulnerabilities: findings.vulnerabilities, matches: findings.matches }
      const { packages, matcherInputs, engines } = composeReport(image, files, judged, generation)
      const composed = {
        packages,
        inputs: matcherInputs?.split('\n') ?? [],
        vulnerabilities: engines[0]?.vulnerabilities ?? [],
        matches: engines[0]?.matches ?? [],
      }
      requireSame(referenceOf(image), textsOf(composed), textsOf(scanned))
    }
  })
  await rm(directory, { recursive: true, force: true })
}

/** One text a package and one a match, in an order that depends on them alone. */
function textsOf({ packages, inputs, vulnerabilities, matches }: Content): string[] {
  return [
    ...packages.map((found, position) => inOrder([found, inputs[position]])),
    ...matches.map((match) =>
      inOrder([packages[match.package], vulnerabilities[match.vulnerability], { ...match, package: 0, vulnerability: 0 }]),
    ),
  ].sort()
}

function requireSame(name: string, composed: readonly string[], scanned: readonly string[]): void {
  const position = Array.from({ length: Math.max(composed.length, scanned.length) }).findIndex((_value, at) => composed[at] !== scanned[at])
  if (position < 0) return
  const [ours, theirs] = [composed[position] ?? '', scanned[position] ?? '']
  const from = Math.max(0, Array.from({ length: ours.length }).findIndex((_value, at) => ours[at] !== theirs[at]) - 80)
  throw new Error(
    `the composed report of ${name} is not the worker's: in ${ours.slice(0, 120)}...\n${ours.slice(from, from + 400)}\nis not\n${theirs.slice(from, from + 400)}`,
  )
}

/** JSON with the fields of objects in order: which field was set first says nothing. */
function inOrder(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([one], [other]) => (one < other ? -1 : 1)))
      : inner,
  )
}
