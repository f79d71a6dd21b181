import {
  FacetsQuery,
  FieldValuesQuery,
  FilteredPageQuery,
  ListFindingsQuery,
  ListImagesQuery,
  QueryFindings,
  QueryPackages,
  QueryWorkloads,
} from '@pharos/contracts'
import { FakeClock } from '@pharos/service-kit'
import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createResultsDatabase, type ResultsDatabase } from '../database/__tests__/results-database.js'
import type { Database } from '../database/transaction.js'
import { createQueries } from '../inventory/__tests__/queries-harness.js'
import { principalFor } from '../inventory/__tests__/reads-harness.js'
import { generateFleet } from './__tests__/generated-fleet.js'

/** Large enough that the planner sees the shape of a fleet; with PHAROS_PLAN_IMAGES it can be made as large as one. */
const images = Number(process.env['PHAROS_PLAN_IMAGES'] ?? 800)
const size = { images, packagesPerImage: 250, packages: images * 10, vulnerabilities: images * 10 }

interface PlanNode {
  'Node Type': string
  'Relation Name'?: string
  'Index Name'?: string
  'Subplan Name'?: string
  Plans?: PlanNode[]
}

let results: ResultsDatabase
let queries: ReturnType<typeof createQueries>
let statements: [sql: string, parameters: unknown[]][] = []
const everything = principalFor(null)
const team = principalFor(['registry.example/team-7/*'])
const digest = `sha256:${createHash('sha256').update('i7').digest('hex')}`

beforeAll(async () => {
  results = await createResultsDatabase()
  await generateFleet(results.database.runner, size)
  const recording = {
    runner: {
      query: (sql: string, parameters: unknown[] = []) => {
        statements.push([sql, parameters])
        return results.database.runner.query(sql, parameters)
      },
    },
  }
  queries = createQueries(recording as unknown as Database, new FakeClock(new Date('2026-11-24T08:00:00.000Z')))
}, 600_000)
afterAll(() => results.close())

function shape(node: PlanNode, depth = 0): string[] {
  const on = [node['Relation Name'], node['Index Name']].filter((name) => name !== undefined).join(' ')
  const line = `${'  '.repeat(depth)}${node['Node Type']}${on === '' ? '' : ` ${on}`}`
  return [line, ...(node.Plans ?? []).flatMap((child) => shape(child, depth + 1))]
}

/** The plans of all statements that a list runs: node types and indexes, which do not move with estimates of rows. */
async function plansOf(run: () => Promise<unknown>): Promise<{ text: string; ms: number }> {
  statements = []
  await run()
  const recorded = statements
  const started = performance.now()
  await run()
  const ms = performance.now() - started
  const plans: string[] = []
  for (const [sql, parameters] of recorded) {
    const [row] = (await results.database.runner.query(`explain (format json) ${sql}`, parameters)) as {
      'QUERY PLAN': [{ Plan: PlanNode }]
    }[]
    if (row !== undefined) plans.push(shape(row['QUERY PLAN'][0].Plan).join('\n'))
  }
  return { text: `${plans.join('\n\n')}\n`, ms }
}

const findings = (given: object, who = everything) => queries.findings.query(QueryFindings.parse(given), who)
const second = async (given: object) => {
  const { nextCursor } = await findings(given)
  return findings({ ...given, cursor: nextCursor })
}

/** Every list, in each order and with the filters that people use. */
const lists: Readonly<Record<string, () => Promise<unknown>>> = {
  'findings-by-risk': () => findings({}),
  'findings-by-risk-second-page': () => second({}),
  'findings-by-severity': () => findings({ sort: '-severity' }),
  'findings-by-epss': () => findings({ sort: '-epss' }),
  'findings-by-first-seen': () => findings({ sort: '-firstSeen' }),
  'findings-of-negligible-severity': () => findings({ filter: 'severity = negligible' }),
  'findings-exploited': () => findings({ filter: 'kev = true and severity >= high', count: 'true' }),
  'findings-of-one-vulnerability': () => findings({ filter: 'vulnerability = CVE-2007-7', sort: '-firstSeen' }),
  'findings-of-one-package': () => findings({ filter: 'package.name = package-70 and package.version < 1.3' }),
  'findings-of-many-packages': () => findings({ filter: 'package.name ~ "*age-1*"' }),
  'findings-of-one-engine': () => findings({ filter: 'engine = trivy' }),
  'findings-decided': () => findings({ filter: 'status = accepted' }),
  'findings-of-a-repository': () => findings({ filter: 'repository = registry.example/team-7/app-31' }),
  'findings-of-a-namespace': () => findings({ filter: 'namespace = namespace-4 and epss > 0.1' }),
  'findings-of-a-context': () => findings({ filter: 'context.owner.team = value-7' }),
  'findings-in-scope': () => findings({ filter: 'fix = fixed' }, team),
  'findings-of-an-image': () => queries.findings.list(digest, ListFindingsQuery.parse({ sort: 'package' }), everything),
  'images-by-last-scan': () => queries.images.list(ListImagesQuery.parse({}), everything),
  'images-by-risk-in-scope': () => queries.images.list(ListImagesQuery.parse({ sort: '-risk' }), team),
  'images-by-a-part-of-a-name': () => queries.images.list(ListImagesQuery.parse({ search: 'app-31' }), everything),
  'images-with-a-package-version': () =>
    queries.images.list(ListImagesQuery.parse({ filter: 'package.name = package-70 and package.version < 1.3' }), everything),
  'images-with-a-vulnerability': () => queries.images.list(ListImagesQuery.parse({ filter: 'vulnerability = CVE-2007-7' }), everything),
  'images-with-an-exploited-finding': () =>
    queries.images.list(ListImagesQuery.parse({ filter: 'kev = true and severity = critical' }), everything),
  'images-of-a-context': () => queries.images.list(ListImagesQuery.parse({ filter: 'context.owner.team = value-7' }), everything),
  'images-of-a-context-in-scope': () => queries.images.list(ListImagesQuery.parse({ filter: 'context.owner.team ~ "value-7*"' }), team),
  'images-of-a-vulnerability': () => queries.vulnerableImages.list('CVE-2007-7', FilteredPageQuery.parse({}), everything),
  'packages-by-name': () => queries.packages.list(QueryPackages.parse({}), everything),
  'packages-of-a-name': () => queries.packages.list(QueryPackages.parse({ filter: 'package.name ~ "package-7*"' }), everything),
  'packages-by-a-part-of-a-name': () => queries.packages.list(QueryPackages.parse({ filter: 'package.name ~ "*age-7*"' }), everything),
  'packages-in-scope': () => queries.packages.list(QueryPackages.parse({ filter: 'severity = critical' }), team),
  'workloads-by-name': () => queries.workloads.list(QueryWorkloads.parse({}), everything),
  'workloads-with-a-vulnerability': () =>
    queries.workloads.list(QueryWorkloads.parse({ filter: 'vulnerability = CVE-2007-7' }), everything),
  'workloads-of-a-context': () => queries.workloads.list(QueryWorkloads.parse({ filter: 'context.owner.team = value-4' }), everything),
  'facets-of-a-namespace': () =>
    queries.facets.count(FacetsQuery.parse({ filter: 'namespace = namespace-4', fields: 'severity,package.name' }), everything),
  'facets-of-a-severity': () => queries.facets.count(FacetsQuery.parse({ filter: 'severity = critical and kev = true' }), everything),
  'values-of-package-names': () => queries.facets.values(FieldValuesQuery.parse({ field: 'package.name', q: 'age-12' }), everything),
}

describe('plans', () => {
  it.each(Object.entries(lists))(
    'of %s are those that were judged, and read neither all findings nor all packages of images',
    async (name, run) => {
      const { text, ms } = await plansOf(run)
      if (process.env['PHAROS_PLAN_TIMES'] !== undefined) process.stdout.write(`${name}: ${ms.toFixed(1)} ms\n`)
      expect(text).not.toMatch(/Seq Scan (finding|image_package)\b/)
      if (process.env['PHAROS_PLAN_IMAGES'] === undefined) await expect(text).toMatchFileSnapshot(`__plans__/${name}.txt`)
    },
  )
})
