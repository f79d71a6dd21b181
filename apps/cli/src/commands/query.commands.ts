import {
  FacetsAnswer,
  FacetsQuery,
  FilteredPageQuery,
  FindingPage,
  FleetPackagePage,
  ImagePackagePage,
  ListPackagesQuery,
  QueryFindings,
  QueryPackages,
  VulnerabilityDetail,
  VulnerabilityImagePage,
} from '@pharos/contracts'
import type { Command } from 'commander'
import { addSchemaOptions, givenOptions } from '../options/options-from-schema.js'
import { facts } from '../output/output.js'
import { facetTable, fleetFindingTable, fleetPackageTable, packageTable, vulnerableImageTable } from '../output/query-tables.js'
import type { RunCommand } from './command-context.js'
import { showPage } from './page-listing.js'

const findingFields = ['filter', 'sort', 'limit', 'cursor', 'count'] as const
const packageFields = ['filter', 'sort', 'limit', 'cursor', 'count'] as const
const imagePackageFields = ['type', 'name', 'limit', 'cursor'] as const
const affectedFields = ['filter', 'limit', 'cursor', 'count'] as const

/** Adds the commands that ask the whole fleet. */
export function addQueryCommands(program: Command, run: RunCommand): void {
  const findings = program
    .command('findings')
    .description('List the findings of all images, e.g. --filter "severity >= high and kev = true"')
    .option('--facets <fields>', `Count the findings by value instead. ${String(FacetsQuery.shape.fields.meta()?.['description'])}`)
  addSchemaOptions(findings, QueryFindings, findingFields)
  findings.action(() =>
    run(findings, async (context) => {
      const { facets, filter } = findings.opts<{ facets?: string; filter?: string }>()
      if (facets === undefined)
        return showPage(context, '/findings', givenOptions(findings.opts(), findingFields), FindingPage, (page) =>
          fleetFindingTable(page.items),
        )
      const answer = await context.api.request({ method: 'GET', path: '/findings:facets', query: { fields: facets, filter } }, FacetsAnswer)
      context.output.result(answer, facetTable)
      if (answer.isCapped && !context.output.isJson) context.output.note(`Counts of the first ${answer.counted} findings; there are more`)
    }),
  )

  const packages = program
    .command('packages')
    .description('List the packages of an image, or with --filter those of all images')
    .argument('[digest]', 'Image; without it the packages of all images')
  addSchemaOptions(packages, QueryPackages, packageFields)
  addSchemaOptions(packages, ListPackagesQuery, ['type', 'name'])
  packages.action((digest?: string) =>
    run(packages, (context) =>
      digest === undefined
        ? showPage(context, '/packages', givenOptions(packages.opts(), packageFields), FleetPackagePage, (page) =>
            fleetPackageTable(page.items),
          )
        : showPage(
            context,
            `/images/${encodeURIComponent(digest)}/packages`,
            givenOptions(packages.opts(), imagePackageFields),
            ImagePackagePage,
            (page) => packageTable(page.items),
          ),
    ),
  )

  const vulnerability = program
    .command('vulnerability')
    .description('Show a vulnerability, the images that it affects and the workloads that run them')
    .argument('<id>', 'CVE, GHSA or another id')
  addSchemaOptions(vulnerability, FilteredPageQuery, affectedFields)
  vulnerability.action((id: string) =>
    run(vulnerability, async (context) => {
      const path = `/vulnerabilities/${encodeURIComponent(id)}`
      const detail = await context.api.request({ method: 'GET', path, query: { limit: 1 } }, VulnerabilityDetail)
      const images = await context.api.request(
        { method: 'GET', path: `${path}/images`, query: givenOptions(vulnerability.opts(), affectedFields) },
        VulnerabilityImagePage,
      )
      const { affects: _affects, nextCursor: _nextCursor, ...known } = detail
      context.output.result(
        { ...known, images },
        (value) =>
          `${facts([
            ['Id', value.id],
            ['Aliases', value.aliases.join(', ') || '-'],
            ['Severity', [...new Set(value.records.map((record) => record.severity))].join(', ') || '-'],
            ['Description', value.records[0]?.description ?? '-'],
          ])}\n${vulnerableImageTable(value.images.items)}`,
      )
      if (images.nextCursor !== null && !context.output.isJson) context.output.note(`More images: --cursor ${images.nextCursor}`)
    }),
  )
}
