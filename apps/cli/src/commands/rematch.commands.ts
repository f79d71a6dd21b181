import { CreateRematch, ListRematchesQuery, Rematch, RematchPage } from '@pharos/contracts'
import type { Command } from 'commander'
import { addSchemaOptions, givenOptions } from '../options/options-from-schema.js'
import { facts, table } from '../output/output.js'
import { ageText } from '../output/terminal-text.js'
import type { RunCommand } from './command-context.js'
import { showPage } from './page-listing.js'

const listFields = ['engine', 'limit', 'cursor'] as const
const createFields = ['engine', 'full'] as const

function stateText({ state, isPaused, progress }: Rematch): string {
  if (state !== 'preparing') return state
  return `${isPaused ? 'paused' : 'matching'} ${progress.ended}/${progress.chunks}${progress.round > 1 ? `, round ${progress.round}` : ''}`
}

function rematchTable(items: readonly Rematch[], nowMs: number): string {
  return table(
    ['ID', 'ENGINE', 'STATE', 'STARTED', 'PACKAGES', 'SKIPPED', 'APPEARED', 'GONE', 'CHANGED', 'IMAGES', 'SECONDS'],
    items.map((item) => [
      item.id,
      item.engine,
      stateText(item),
      ageText(item.startedAt, nowMs),
      String(item.report.packages.matched),
      String(item.report.packages.skipped),
      String(item.report.findings.appeared),
      String(item.report.findings.gone),
      String(item.report.findings.changed),
      String(item.report.images.affected),
      item.report.seconds.total.toFixed(1),
    ]),
  )
}

function rematchText(rematch: Rematch): string {
  const { report } = rematch
  return facts([
    ['Re-match', rematch.id],
    ['State', stateText(rematch)],
    ['Database', `${rematch.generationId}${rematch.formerGenerationId === null ? '' : `, before ${rematch.formerGenerationId}`}`],
    ['Packages', `${report.packages.matched} matched, ${report.packages.skipped} skipped, ${report.packages.failed} failed`],
    [
      'Matches',
      `${report.matches.appeared} appeared, ${report.matches.gone} gone, ${report.matches.changed} changed (${report.matches.changedFix} in their fix)`,
    ],
    [
      'Vulnerabilities',
      `${report.vulnerabilities.described} described, ${report.vulnerabilities.changedSeverity} rated anew, ${report.vulnerabilities.changedKev} KEV, ${report.vulnerabilities.epssCrossed} across the EPSS threshold`,
    ],
    ['Findings', `${report.findings.appeared} appeared, ${report.findings.gone} gone, ${report.findings.changed} changed`],
    [
      'Images',
      `${report.images.affected} affected, ${report.images.covered} judged without a scan, ${report.images.rescanned} left to scans`,
    ],
    [
      'Seconds',
      `${report.seconds.total.toFixed(1)} (matching ${report.seconds.matching.toFixed(1)}, switching ${report.seconds.switching.toFixed(1)})`,
    ],
    ...(rematch.problem === null ? [] : [['Problem', rematch.problem] as [string, string]]),
  ])
}

/** Adds `pharos rematch`. */
export function addRematchCommands(program: Command, run: RunCommand): void {
  const rematch = program.command('rematch').description('Matching of the fleet in a new vulnerability database')
  const list = rematch.command('list', { isDefault: true }).description('List re-matches, newest first')
  addSchemaOptions(list, ListRematchesQuery, listFields)
  list.action(() =>
    run(list, (context) =>
      showPage(context, '/rematches', givenOptions(list.opts(), listFields), RematchPage, (page) =>
        rematchTable(page.items, context.nowMs()),
      ),
    ),
  )
  const show = rematch.command('show').description('Show progress and report of a re-match').argument('<id>')
  show.action((id: string) =>
    run(show, async (context) =>
      context.output.result(
        await context.api.request({ method: 'GET', path: `/rematches/${encodeURIComponent(id)}` }, Rematch),
        rematchText,
      ),
    ),
  )
  const start = rematch.command('start').description('Match the fleet once more in the active database')
  addSchemaOptions(start, CreateRematch, createFields)
  start.action(() =>
    run(start, async (context) => {
      const body = givenOptions(start.opts(), createFields)
      context.output.result(await context.api.request({ method: 'POST', path: '/rematches', body }, Rematch), rematchText)
    }),
  )
  for (const [action, description] of [
    ['pause', 'Give out no further work, and do not switch'],
    ['resume', 'Go on with a paused re-match'],
  ] as const) {
    const command = rematch.command(action).description(description).argument('<id>')
    command.action((id: string) =>
      run(command, async (context) =>
        context.output.result(
          await context.api.request({ method: 'POST', path: `/rematches/${encodeURIComponent(id)}:${action}` }, Rematch),
          rematchText,
        ),
      ),
    )
  }
}
