import { createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import {
  FindingPage,
  ImageDetail,
  ImagePackagePage,
  ImagePage,
  ListFindingsQuery,
  ListImagesQuery,
  ListPackagesQuery,
  ListScansQuery,
  SbomQuery,
  ScanTask,
  ScanTaskPage,
  VulnerabilityDetail,
} from '@pharos/contracts'
import type { Command } from 'commander'
import type { z } from 'zod'
import { addSchemaOptions, givenOptions } from '../options/options-from-schema.js'
import { facts, table } from '../output/output.js'
import { findingTable, imageFacts, imageTable, taskTable } from '../output/result-tables.js'
import { shortDigest, shorten } from '../output/terminal-text.js'
import type { CommandContext, RunCommand } from './command-context.js'

const imageFields = ['search', 'severity', 'sort', 'limit', 'cursor'] as const
const findingFields = [
  'engine',
  'severity',
  'minRisk',
  'kev',
  'fix',
  'package',
  'type',
  'vulnerability',
  'state',
  'sort',
  'limit',
  'cursor',
] as const
const packageFields = ['type', 'name', 'limit', 'cursor'] as const
const scanFields = ['state', 'image', 'digest', 'cohort', 'priority', 'limit', 'cursor'] as const

async function list<P extends z.ZodType<{ items: unknown[]; nextCursor: string | null }>>(
  context: CommandContext,
  path: string,
  query: Record<string, unknown>,
  page: P,
  render: (value: z.output<P>) => string,
): Promise<void> {
  const value = await context.api.request({ method: 'GET', path, query }, page)
  context.output.result(value, render)
  if (value.nextCursor !== null && !context.output.isJson) context.output.note(`More: --cursor ${value.nextCursor}`)
}

/** Adds the commands that read what is known of images. */
export function addImageCommands(program: Command, run: RunCommand): void {
  const images = program.command('images').description('List images')
  addSchemaOptions(images, ListImagesQuery, imageFields)
  images.action(() =>
    run(images, (context) =>
      list(context, '/images', givenOptions(images.opts(), imageFields), ImagePage, (page) => imageTable(page.items, context.nowMs())),
    ),
  )

  const image = program
    .command('image')
    .description('Show an image and its findings')
    .argument('<digest>', 'Manifest, index or config digest')
  addSchemaOptions(image, ListFindingsQuery, findingFields)
  image.action((digest: string) =>
    run(image, async (context) => {
      const path = `/images/${encodeURIComponent(digest)}`
      const detail = await context.api.request({ method: 'GET', path }, ImageDetail)
      const findings = await context.api.request(
        { method: 'GET', path: `${path}/findings`, query: givenOptions(image.opts(), findingFields) },
        FindingPage,
      )
      context.output.result(
        { image: detail, findings },
        (value) => `${imageFacts(value.image, context.nowMs())}\n${findingTable(value.findings.items)}`,
      )
      if (findings.nextCursor !== null && !context.output.isJson) context.output.note(`More findings: --cursor ${findings.nextCursor}`)
    }),
  )

  const packages = program.command('packages').description('List the packages of an image').argument('<digest>')
  addSchemaOptions(packages, ListPackagesQuery, packageFields)
  packages.action((digest: string) =>
    run(packages, (context) =>
      list(
        context,
        `/images/${encodeURIComponent(digest)}/packages`,
        givenOptions(packages.opts(), packageFields),
        ImagePackagePage,
        (page) =>
          table(
            ['TYPE', 'NAME', 'VERSION', 'LICENCES', 'PATH'],
            page.items.map((item) => [
              item.type,
              shorten(item.name, 48),
              shorten(item.version, 32),
              shorten(item.licenses.join(', '), 32),
              shorten(item.locations[0]?.path ?? '', 60),
            ]),
          ),
      ),
    ),
  )

  const sbom = program
    .command('sbom')
    .description('Write the SBOM of an image')
    .argument('<digest>')
    .option('--file <path>', 'Write to a file instead of standard output')
  addSchemaOptions(sbom, SbomQuery, ['format'])
  sbom.action((digest: string) =>
    run(sbom, async (context) => {
      const stream = await context.api.open({
        method: 'GET',
        path: `/images/${encodeURIComponent(digest)}/sbom`,
        query: givenOptions(sbom.opts(), ['format']),
      })
      const { file } = sbom.opts<{ file?: string }>()
      await (file === undefined ? pipeline(stream, process.stdout, { end: false }) : pipeline(stream, createWriteStream(file)))
    }),
  )

  const vulnerability = program
    .command('vulnerability')
    .description('Show a vulnerability and the images that it affects')
    .argument('<id>', 'CVE, GHSA or another id')
  vulnerability.action((id: string) =>
    run(vulnerability, async (context) => {
      const value = await context.api.request({ method: 'GET', path: `/vulnerabilities/${encodeURIComponent(id)}` }, VulnerabilityDetail)
      context.output.result(
        value,
        (detail) =>
          `${facts([
            ['Id', detail.id],
            ['Aliases', detail.aliases.join(', ') || '-'],
            ['Severity', [...new Set(detail.records.map((record) => record.severity))].join(', ') || '-'],
            ['Description', detail.records[0]?.description ?? '-'],
          ])}\n${table(
            ['DIGEST', 'IMAGE', 'PACKAGES'],
            detail.affects.map((affected) => [
              shortDigest(affected.digest),
              affected.references[0] ?? '-',
              affected.packages.map((item) => `${item.name}@${item.version}`).join(', '),
            ]),
          )}`,
      )
    }),
  )

  const scans = program.command('scans').description('List scan tasks, newest first').option('--id <id>', 'Show one task')
  addSchemaOptions(scans, ListScansQuery, scanFields)
  scans.action(() =>
    run(scans, async (context) => {
      const { id } = scans.opts<{ id?: string }>()
      if (id === undefined)
        return list(context, '/scans', givenOptions(scans.opts(), scanFields), ScanTaskPage, (page) =>
          taskTable(page.items, context.nowMs()),
        )
      context.output.result(await context.api.request({ method: 'GET', path: `/scans/${encodeURIComponent(id)}` }, ScanTask), (task) =>
        taskTable([task], context.nowMs()),
      )
    }),
  )

  const cancel = program.command('cancel').description('Cancel a scan').argument('<id>', 'Task id')
  cancel.action((id: string) =>
    run(cancel, async (context) =>
      context.output.result(await context.api.request({ method: 'DELETE', path: `/scans/${encodeURIComponent(id)}` }, ScanTask), (task) =>
        taskTable([task], context.nowMs()),
      ),
    ),
  )
}
