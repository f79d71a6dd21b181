import { setTimeout as sleep } from 'node:timers/promises'
import {
  AsOfQuery,
  type Change,
  ChangePage,
  ChangesQuery,
  type Difference,
  DiffQuery,
  FindingAsOfPage,
  type FindingStanding,
  type HistoryEntry,
  HistoryPage,
  ImageDiff,
  type PackageRef,
  PageQuery,
  PharosError,
} from '@pharos/contracts'
import type { Command } from 'commander'
import { addSchemaOptions, givenOptions } from '../options/options-from-schema.js'
import { table } from '../output/output.js'
import { shortDigest, shorten, terminalText } from '../output/terminal-text.js'
import type { CommandContext, RunCommand } from './command-context.js'

const pageFields = ['limit', 'cursor'] as const
const momentFields = ['since', 'until'] as const
const asOfFields = ['filter', 'limit', 'cursor'] as const
const changeFields = ['cursor', 'limit', 'filter'] as const
const retryMs = 2000

/** Adds the commands that tell what changed, and what was known when. */
export function addHistoryCommands(program: Command, run: RunCommand): void {
  const diff = program
    .command('diff')
    .description('Show how two images differ, or what changed in one since a moment, each change with its cause')
    .argument('<digest>', 'Manifest, index or config digest')
    .argument('[other]', 'The image to compare with; without one --since is needed')
  addSchemaOptions(diff, DiffQuery, momentFields)
  diff.action((digest: string, other: string | undefined) =>
    run(diff, async (context) => {
      const query = { ...givenOptions(diff.opts(), momentFields), ...(other === undefined ? {} : { with: other }), limit: 500 }
      context.output.result(await wholeDiff(context, digest, query), diffText)
    }),
  )

  const history = program.command('history').description('Show what changed in an image, newest first').argument('<digest>')
  addSchemaOptions(history, PageQuery, pageFields)
  history.action((digest: string) =>
    run(history, async (context) => {
      const path = `/images/${encodeURIComponent(digest)}/history`
      const page = await context.api.request({ method: 'GET', path, query: givenOptions(history.opts(), pageFields) }, HistoryPage)
      context.output.result(page, ({ items }) => table(['AT', 'CHANGE', 'WHAT', 'BEFORE', 'AFTER', 'CAUSE'], items.map(historyCells)))
      noteMore(context, page.nextCursor)
    }),
  )

  const asOf = program
    .command('as-of')
    .description('Show the findings that were open at a past moment')
    .argument('<moment>', 'RFC 3339, e.g. 2026-10-01T00:00:00Z')
    .argument('[digest]', 'Of this image; without one of all images')
  addSchemaOptions(asOf, AsOfQuery, asOfFields)
  asOf.action((moment: string, digest: string | undefined) =>
    run(asOf, async (context) => {
      const path = digest === undefined ? '/findings:as-of' : `/images/${encodeURIComponent(digest)}/findings:as-of`
      const query = { at: moment, ...givenOptions(asOf.opts(), asOfFields) }
      const page = await context.api.request({ method: 'GET', path, query }, FindingAsOfPage)
      context.output.result(page, ({ items }) =>
        table(
          ['SEVERITY', 'VULNERABILITY', 'PACKAGE', 'VERSION', 'FIX', 'KEV', 'DECISION', 'IMAGE'],
          items.map((item) => [
            item.severity,
            item.vulnerability,
            shorten(item.package.name, 40),
            shorten(item.package.version, 28),
            item.fixState,
            item.kev ? 'yes' : '',
            item.decision ?? '',
            shorten(item.image.references[0] ?? shortDigest(item.image.digest), 56),
          ]),
        ),
      )
      noteMore(context, page.nextCursor)
    }),
  )

  const changes = program
    .command('changes')
    .description('Show changes of findings and images in the order in which they were committed')
    .option('--follow', 'Go on until interrupted')
  addSchemaOptions(changes, ChangesQuery, changeFields)
  changes.action(() =>
    run(changes, async (context) => {
      const query = givenOptions(changes.opts(), changeFields)
      if (changes.opts<{ follow?: boolean }>().follow) return follow(context, query)
      const page = await context.api.request({ method: 'GET', path: '/changes', query }, ChangePage)
      context.output.result(page, ({ items }) => items.map((item) => `${terminalText(changeLine(item).trimEnd())}\n`).join(''))
      if (!context.output.isJson) context.output.note(`Go on with: --cursor ${page.nextCursor}`)
    }),
  )
}

/** All pages of a difference as one. */
async function wholeDiff({ api }: CommandContext, digest: string, query: Record<string, unknown>): Promise<ImageDiff> {
  const path = `/images/${encodeURIComponent(digest)}/diff`
  const whole = await api.request({ method: 'GET', path, query }, ImageDiff)
  for (let cursor = whole.nextCursor; cursor !== null; ) {
    const page = await api.request({ method: 'GET', path, query: { ...query, cursor } }, ImageDiff)
    whole.items.push(...page.items)
    cursor = page.nextCursor
  }
  return { ...whole, nextCursor: null }
}

/** A line a change until the command is interrupted, or the feed refuses its cursor. */
async function follow({ api, output }: CommandContext, query: Record<string, unknown>): Promise<void> {
  for (let cursor = query['cursor']; ; ) {
    const page = await read(cursor)
    for (const item of page?.items ?? []) output.line(item, changeLine)
    cursor = page?.nextCursor ?? cursor
  }

  async function read(cursor: unknown): Promise<ChangePage | null> {
    try {
      return await api.request({ method: 'GET', path: '/changes', query: { ...query, cursor, wait: '30s' } }, ChangePage)
    } catch (error) {
      if (!(error instanceof PharosError) || !error.isRetryable || cursor === undefined) throw error
      output.note(`${error.detail} Trying again.`)
      await sleep(retryMs)
      return null
    }
  }
}

function noteMore({ output }: CommandContext, nextCursor: string | null): void {
  if (nextCursor !== null && !output.isJson) output.note(`More: --cursor ${nextCursor}`)
}

function diffText(diff: ImageDiff): string {
  const { packages, findings } = diff.counts
  const count = (name: string, { added, removed, changed }: typeof packages): string =>
    `${name}: ${added} added, ${removed} removed, ${changed} changed`
  const head = `${shortDigest(diff.from.digest)} at ${diff.from.at} -> ${shortDigest(diff.to.digest)} at ${diff.to.at}\n${count('Packages', packages)}\n${count('Findings', findings)}\n`
  if (diff.items.length === 0) return head
  return `${head}\n${table(['CHANGE', 'WHAT', 'BEFORE', 'AFTER', 'CAUSE'], diff.items.map(differenceCells))}`
}

function differenceCells(item: Difference): string[] {
  if (item.subject === 'package')
    return [item.change, packageName(item.after ?? item.before), item.before?.version ?? '-', item.after?.version ?? '-', item.cause]
  return [item.change, findingName(item.vulnerability, item.package), standing(item.before), standing(item.after), item.cause]
}

function historyCells(entry: HistoryEntry): string[] {
  switch (entry.subject) {
    case 'package':
      return [
        entry.at,
        entry.change,
        packageName(entry.after ?? entry.before),
        entry.before?.version ?? '-',
        entry.after?.version ?? '-',
        entry.cause,
      ]
    case 'finding': {
      const sides =
        entry.decision === null
          ? [facts(entry.before), facts(entry.after)]
          : [entry.decision.before ?? 'new', entry.decision.after ?? 'new']
      return [
        entry.at,
        entry.change,
        findingName(entry.vulnerability, entry.package),
        ...sides,
        entry.by === null ? entry.cause : `${entry.cause}, ${entry.by}`,
      ]
    }
    case 'image': {
      const what = entry.reference ?? (entry.engine === null ? 'image' : `${entry.engine}, ${entry.findings ?? 0} findings`)
      return [entry.at, entry.change, shorten(what, 60), '', '', '']
    }
  }
}

function changeLine(change: Change): string {
  const image = shortDigest(change.image)
  if (change.subject === 'image') {
    const first = change.firstResults.length === 0 ? '' : `, first result of ${change.firstResults.join(', ')}`
    return `${change.at}  ${image}  image ${change.change}${first}\n`
  }
  const became = change.change === 'decided' ? (change.decision ?? 'new') : `${facts(change.before)} -> ${facts(change.after)}`
  return `${change.at}  ${image}  ${change.change}  ${findingName(change.vulnerability, change.package)}  ${became}  (${change.cause})${change.left === true ? '  left the filter' : ''}\n`
}

const packageName = (item: PackageRef | null): string => (item === null ? '-' : `${shorten(item.name, 48)} (${item.type})`)
const findingName = (vulnerability: string, found: PackageRef): string =>
  `${vulnerability} in ${shorten(found.name, 32)} ${shorten(found.version, 24)}`

function facts(item: Omit<FindingStanding, 'decision'> | null): string {
  return item === null ? '-' : `${item.severity}, ${item.fixState}${item.kev ? ', exploited' : ''}`
}

function standing(item: FindingStanding | null): string {
  return item === null ? '-' : `${facts(item)}${item.decision === null ? '' : `, ${item.decision}`}`
}
