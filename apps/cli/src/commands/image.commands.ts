import { createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import {
  FindingPage,
  ImageDetail,
  ImagePage,
  ListFindingsQuery,
  ListImagesQuery,
  ListScansQuery,
  SbomQuery,
  ScanTask,
  ScanTaskPage,
} from '@pharos/contracts'
import type { Command } from 'commander'
import { addSchemaOptions, givenOptions } from '../options/options-from-schema.js'
import { findingTable, imageFacts, imageTable, taskTable } from '../output/result-tables.js'
import type { RunCommand } from './command-context.js'
import { showImageBase } from './image-base.js'
import { showPage } from './page-listing.js'

const imageFields = ['filter', 'search', 'severity', 'sort', 'limit', 'cursor', 'count'] as const
const findingFields = [
  'filter',
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
const scanFields = ['state', 'image', 'digest', 'cohort', 'priority', 'limit', 'cursor'] as const

/** Adds the commands that read what is known of images. */
export function addImageCommands(program: Command, run: RunCommand): void {
  const images = program.command('images').description('List images')
  addSchemaOptions(images, ListImagesQuery, imageFields)
  images.action(() =>
    run(images, (context) =>
      showPage(context, '/images', givenOptions(images.opts(), imageFields), ImagePage, (page) => imageTable(page.items, context.nowMs())),
    ),
  )

  const image = program
    .command('image')
    .description('Show an image and its findings')
    .argument('<digest>', 'Manifest, index or config digest')
    .option('--base', 'Show what it is built on and what each layer brings, instead of its findings')
  addSchemaOptions(image, ListFindingsQuery, findingFields)
  image.action((digest: string) =>
    run(image, async (context) => {
      const path = `/images/${encodeURIComponent(digest)}`
      if (image.opts<{ base?: boolean }>().base === true) return showImageBase(context, path)
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

  const scans = program.command('scans').description('List scan tasks, newest first').option('--id <id>', 'Show one task')
  addSchemaOptions(scans, ListScansQuery, scanFields)
  scans.action(() =>
    run(scans, async (context) => {
      const { id } = scans.opts<{ id?: string }>()
      if (id === undefined)
        return showPage(context, '/scans', givenOptions(scans.opts(), scanFields), ScanTaskPage, (page) =>
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
