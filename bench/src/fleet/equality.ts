import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type pg from 'pg'
import type { PlainGrype, PlainMatch } from '../plain-grype.js'
import { endedChildrenCpuMs } from '../process-usage.js'
import { digestOfImage, referenceOf } from './composed-report.js'
import type { FleetFiles, FleetImage } from './fleet-files.js'
import type { FleetProgram } from './fleet-program.js'

/** What the comparison with the plain command came to. */
export interface EqualityFigures {
  images: number
  findings: number
  /** First differences, told for a person; none when everything is equal. */
  differences: string[]
  /** Mean of one `grype sbom:` command. */
  grypeCpuMs: number
  grypeWallMs: number
}

/** As results-service stores them (inventory/column-codes.ts). */
const fixStates = ['unknown', 'fixed', 'not-fixed', 'wont-fix']

interface StoredRow {
  native_id: string
  namespace: string
  severity_given: string
  type: string
  name: string
  version: string
  locations: { path: string; layer: string | null }[]
  fix_state: number
  fix_versions: string[]
}

/** Numbers of images, spread evenly over the fleet. */
export function spread(count: number, sample: number): number[] {
  const size = Math.min(count, sample)
  return Array.from({ length: size }, (_value, position) => Math.floor((position * count) / size))
}

/** Compares what is stored of images with a fresh run of the command over the SBOM of each. */
export async function compareWithGrype(
  client: pg.Client,
  program: FleetProgram,
  files: FleetFiles,
  numbers: readonly number[],
  grype: PlainGrype,
  home: string,
): Promise<EqualityFigures> {
  const directory = join(home, 'sboms')
  const paths = await program.sboms(numbers, directory)
  const figures: EqualityFigures = { images: 0, findings: 0, differences: [], grypeCpuMs: 0, grypeWallMs: 0 }
  for await (const [number, image] of numbered(files.images())) {
    const path = paths.get(number)
    if (path === undefined) continue
    const cpuBefore = endedChildrenCpuMs()
    const beganMs = performance.now()
    const matches = await grype.matchSbom(path)
    figures.grypeWallMs += performance.now() - beganMs
    figures.grypeCpuMs += endedChildrenCpuMs() - cpuBefore
    figures.images += 1
    figures.findings += matches.length
    const [stored, isConsistent] = await Promise.all([storedMatches(client, image), findingsFollowMatches(client, image)])
    const difference = firstDifference(stored, matches.map(textOfMatch))
    if (difference !== undefined) figures.differences.push(`${referenceOf(image)}: ${difference}`)
    if (!isConsistent) figures.differences.push(`${referenceOf(image)}: open findings are not those of its open matches`)
  }
  await rm(directory, { recursive: true, force: true })
  figures.grypeCpuMs /= figures.images
  figures.grypeWallMs /= figures.images
  return figures
}

async function* numbered<T>(items: AsyncIterable<T>): AsyncGenerator<[number, T]> {
  let number = 0
  for await (const item of items) yield [number++, item]
}

/** Each open match at each place of the package, as one text with everything that is compared. */
async function storedMatches(client: pg.Client, image: FleetImage): Promise<string[]> {
  const { rows } = await client.query<StoredRow>(
    `select v.native_id, v.namespace, v.severity_given, p.type, p.name, p.version, ip.detail -> 'locations' as locations, m.fix_state, m.body -> 'fixVersions' as fix_versions
     from image i join image_package ip on ip.image_id = i.id and ip.is_present join package p on p.id = ip.package_id
     join package_match m on m.package_id = p.id and m.is_open join vulnerability v on v.id = m.vulnerability_id where i.digest = $1`,
    [digestOfImage(image)],
  )
  return rows.map((row) =>
    textOf({
      ...row,
      package: `${row.type} ${row.name} ${row.version}`,
      locations: row.locations.map(({ path, layer }) => `${path} ${layer ?? ''}`),
      fix: [fixStates[row.fix_state] ?? '', ...row.fix_versions],
    }),
  )
}

/** An image has one open finding for each occurrence and alias group of its open matches, of a match that is open, with its severity and fix. */
async function findingsFollowMatches(client: pg.Client, image: FleetImage): Promise<boolean> {
  const { rows } = await client.query<{ wrong: string }>(
    `with matched as (
       select distinct ip.occurrence, v.group_id from image i join image_package ip on ip.image_id = i.id and ip.is_present
       join package_match m on m.package_id = ip.package_id and m.is_open join vulnerability v on v.id = m.vulnerability_id where i.digest = $1),
     found as (
       select f.occurrence, v.group_id, m.is_open and f.severity = v.severity and f.fix_state = m.fix_state and f.package_id = m.package_id as is_right
       from image i join finding f on f.image_id = i.id and f.is_open join vulnerability v on v.id = f.vulnerability_id join package_match m on m.id = f.match_id
       where i.digest = $1)
     select count(*) as wrong from matched full join found using (occurrence, group_id)
     where matched.occurrence is null or found.occurrence is null or not is_right`,
    [digestOfImage(image)],
  )
  return Number(rows[0]?.wrong) === 0
}

function textOfMatch({ vulnerability, artifact }: PlainMatch): string {
  return textOf({
    native_id: vulnerability.id,
    namespace: vulnerability.namespace ?? '',
    severity_given: vulnerability.severity ?? 'Unknown',
    package: `${artifact.type} ${artifact.name} ${artifact.version}`,
    locations: (artifact.locations ?? []).map(({ path, layerID }) => `${path} ${layerID ?? ''}`),
    fix: [vulnerability.fix?.state ?? '', ...(vulnerability.fix?.versions ?? [])],
  })
}

function textOf(parts: {
  native_id: string
  namespace: string
  severity_given: string
  package: string
  locations: readonly string[]
  fix: readonly string[]
}): string {
  return [
    parts.native_id,
    parts.namespace,
    parts.severity_given,
    parts.package,
    [...parts.locations].sort().join(','),
    parts.fix.join(','),
  ].join(' | ')
}

/** What one multiset has and the other has not; undefined when they are equal. */
function firstDifference(ours: readonly string[], theirs: readonly string[]): string | undefined {
  const counts = new Map<string, number>()
  for (const text of ours) counts.set(text, (counts.get(text) ?? 0) + 1)
  for (const text of theirs) counts.set(text, (counts.get(text) ?? 0) - 1)
  const found = [...counts].find(([, count]) => count !== 0)
  if (found === undefined) return undefined
  return `${found[1] > 0 ? 'only Pharos has' : 'only grype has'} ${found[0]} (${ours.length} and ${theirs.length} in all)`
}
