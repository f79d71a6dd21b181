import {
  ContextDifferencePage,
  EnricherRun,
  EnricherRunDetail,
  EnricherRunPage,
  ListContextDifferences,
  PageQuery,
} from '@pharos/contracts'
import type { Command } from 'commander'
import { CommandEnd, exitCodes } from '../exit-code.js'
import { addSchemaOptions, givenOptions } from '../options/options-from-schema.js'
import { differenceTable, runDetailText, runProgress, runTable, runText } from '../output/enricher-tables.js'
import type { CommandContext, RunCommand } from './command-context.js'
import { showPage } from './page-listing.js'

const pageFields = ['limit', 'cursor'] as const
const differenceFields = ['owner', 'kind', 'limit', 'cursor'] as const
const followPollMs = 1_000

/** Adds the commands about runs over the fleet: runs, differences, pause, resume, cancel. */
export function addEnricherRunCommands(enricher: Command, run: RunCommand): void {
  const runs = enricher
    .command('runs')
    .description('List runs of sets over the fleet, newest first; with an id show one')
    .argument('[id]', 'A run')
    .option('--wait', 'With an id: follow it to its end')
  addSchemaOptions(runs, PageQuery, pageFields)
  runs.action((id: string | undefined) =>
    run(runs, async (context) => {
      if (id === undefined)
        return showPage(context, '/enrichers/runs', givenOptions(runs.opts(), pageFields), EnricherRunPage, ({ items }) =>
          runTable(items, context.nowMs()),
        )
      if (runs.opts<{ wait?: boolean }>().wait === true) return followRun(context, id)
      return context.output.result(await readRun(context, id), runDetailText)
    }),
  )

  const differences = enricher.command('differences').description('List contexts that differ after a run').argument('<id>', 'A run')
  addSchemaOptions(differences, ListContextDifferences, differenceFields)
  differences.action((id: string) =>
    run(differences, (context) =>
      showPage(
        context,
        `/enrichers/runs/${encodeURIComponent(id)}/differences`,
        givenOptions(differences.opts(), differenceFields),
        ContextDifferencePage,
        ({ items }) => differenceTable(items),
      ),
    ),
  )

  for (const [action, description] of [
    ['pause', 'Give out no further work of a run'],
    ['resume', 'Go on with a paused run'],
    ['cancel', 'End a run; the set that it activated stays active'],
  ] as const) {
    const command = enricher.command(action).description(description).argument('<id>', 'A run')
    command.action((id: string) =>
      run(command, async ({ api, output }) =>
        output.result(
          await api.request({ method: 'POST', path: `/enrichers/runs/${encodeURIComponent(id)}:${action}` }, EnricherRun),
          runText,
        ),
      ),
    )
  }
}

/** Shows how far a run is until it has ended, then what came of it. One that was paused is not waited for. */
export async function followRun(context: CommandContext, id: string): Promise<void> {
  const { output } = context
  let shown = ''
  for (;;) {
    const detail = await readRun(context, id)
    if (detail.state === 'running') {
      const progress = runProgress(detail)
      if (progress !== shown) output.progress(progress)
      shown = progress
      await new Promise((resolve) => setTimeout(resolve, followPollMs))
      continue
    }
    if (shown !== '') output.endProgress()
    output.result(detail, runDetailText)
    if (detail.state === 'done') return
    throw new CommandEnd(exitCodes.error, `The run is ${detail.state}.`)
  }
}

function readRun({ api }: CommandContext, id: string): Promise<EnricherRunDetail> {
  return api.request({ method: 'GET', path: `/enrichers/runs/${encodeURIComponent(id)}` }, EnricherRunDetail)
}
