import { createReadStream, createWriteStream } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import {
  ListVexDocumentsQuery,
  PageQuery,
  PutVexTrust,
  VexConflictPage,
  VexDocument,
  VexDocumentPage,
  VexExportQuery,
  VexTrust,
} from '@pharos/contracts'
import type { Command } from 'commander'
import { addSchemaOptions, givenOptions } from '../options/options-from-schema.js'
import { facts, table } from '../output/output.js'
import { ageText, shortDigest, shorten } from '../output/terminal-text.js'
import type { RunCommand } from './command-context.js'

const listFields = ['format', 'limit', 'cursor'] as const
const exportFields = ['format', 'filter', 'author', 'namespace'] as const
const pageFields = ['limit', 'cursor'] as const

function documentText(document: VexDocument): string {
  return facts([
    ['Id', document.id],
    ['Format', document.format],
    ['Document', `${document.documentId}${document.documentVersion === null ? '' : ` version ${document.documentVersion}`}`],
    ['Author', document.author ?? '-'],
    ['State', document.state],
    ['Statements', String(document.statements)],
    ['Findings', `${document.matched} matched, ${document.decided} decided, ${document.proposed} proposed`],
    ...document.warnings.map((warning) => ['Warning', warning] as const),
  ])
}

function trustText({ rules }: VexTrust): string {
  if (rules.length === 0) return 'No statement decides.\n'
  return table(
    ['RULE', 'CONDITIONS'],
    rules.map(({ name, ...conditions }) => [
      name,
      Object.entries(conditions)
        .map(([key, value]) => `${key}: ${value.join(', ')}`)
        .join('; ') || 'none: every statement decides',
    ]),
  )
}

/** Adds `pharos vex`. */
export function addVexCommands(program: Command, run: RunCommand): void {
  const vex = program.command('vex').description('VEX documents, in and out')
  addDocumentCommands(vex, run)

  const exported = vex
    .command('export')
    .description('Write what was decided as a VEX document: of an image, or of all findings that fit --filter')
    .argument('[digest]', 'Digest of an image')
    .option('--file <path>', 'Write to a file instead of standard output')
  addSchemaOptions(exported, VexExportQuery, exportFields)
  exported.action((digest: string | undefined) =>
    run(exported, async ({ api }) => {
      const path = digest === undefined ? '/vex/export' : `/images/${encodeURIComponent(digest)}/vex`
      const stream = await api.open({ method: 'GET', path, query: givenOptions(exported.opts(), exportFields) })
      const { file } = exported.opts<{ file?: string }>()
      await (file === undefined ? pipeline(stream, process.stdout, { end: false }) : pipeline(stream, createWriteStream(file)))
    }),
  )

  const conflicts = vex.command('conflicts').description('Findings about which people and documents say different things')
  addSchemaOptions(conflicts, PageQuery, pageFields)
  conflicts.action(() =>
    run(conflicts, async ({ api, output }) => {
      const page = await api.request(
        { method: 'GET', path: '/vex/conflicts', query: givenOptions(conflicts.opts(), pageFields) },
        VexConflictPage,
      )
      output.result(page, ({ items }) =>
        table(
          ['FINDING', 'IMAGE', 'VULNERABILITY', 'PACKAGE', 'HOLDS', 'BY', 'AGAINST', 'BY'],
          items.map(({ findingId, digest, vulnerability, package: found, effective, against }) => [
            findingId,
            shortDigest(digest),
            vulnerability,
            shorten(found, 40),
            effective.status,
            shorten(effective.by, 30),
            against.status,
            shorten(against.by, 30),
          ]),
        ),
      )
      if (page.nextCursor !== null && !output.isJson) output.note(`More: --cursor ${page.nextCursor}`)
    }),
  )

  const trust = vex
    .command('trust')
    .description('Show whose statements decide, or replace the rules with --set')
    .option('--set <file>', 'JSON file with {"rules": […]}')
  trust.action(() =>
    run(trust, async ({ api, output }) => {
      const { set } = trust.opts<{ set?: string }>()
      const current = await api.request({ method: 'GET', path: '/vex/trust' }, VexTrust)
      if (set === undefined) return output.result(current, trustText)
      const body = PutVexTrust.parse(JSON.parse(await readFile(set, 'utf8')))
      const headers = { 'if-match': `"${current.version}"` }
      return output.result(await api.request({ method: 'PUT', path: '/vex/trust', body, headers }, VexTrust), trustText)
    }),
  )
}

function addDocumentCommands(vex: Command, run: RunCommand): void {
  const imported = vex.command('import').description('Bring an OpenVEX, CycloneDX or CSAF document').argument('<file>', 'JSON file')
  imported.action((file: string) =>
    run(imported, async ({ api, output }) => {
      const { size } = await stat(file)
      const stream = { body: createReadStream(file), mediaType: 'application/json', sizeBytes: size }
      output.result(await api.request({ method: 'POST', path: '/vex/documents', stream }, VexDocument), documentText)
    }),
  )

  const list = vex.command('list').description('List documents, newest first')
  addSchemaOptions(list, ListVexDocumentsQuery, listFields)
  list.action(() =>
    run(list, async ({ api, output, nowMs }) => {
      const page = await api.request(
        { method: 'GET', path: '/vex/documents', query: givenOptions(list.opts(), listFields) },
        VexDocumentPage,
      )
      output.result(page, ({ items }) =>
        table(
          ['ID', 'FORMAT', 'AUTHOR', 'STATE', 'STATEMENTS', 'DECIDED', 'PROPOSED', 'UPLOADED'],
          items.map((document) => [
            document.id,
            document.format,
            shorten(document.author ?? '-', 40),
            document.state,
            String(document.statements),
            String(document.decided),
            String(document.proposed),
            ageText(document.uploadedAt, nowMs()),
          ]),
        ),
      )
      if (page.nextCursor !== null && !output.isJson) output.note(`More: --cursor ${page.nextCursor}`)
    }),
  )

  const remove = vex.command('remove').description('Remove a document and take its effects back').argument('<id>')
  remove.action((id: string) =>
    run(remove, async ({ api, output }) => {
      await api.call({ method: 'DELETE', path: `/vex/documents/${encodeURIComponent(id)}` })
      output.result({ removed: id }, () => `Removed ${id}\n`)
    }),
  )
}
