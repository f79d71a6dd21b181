import {
  ChangeSavedView,
  CreateSavedView,
  FindingPage,
  FleetPackagePage,
  FleetWorkloadPage,
  ImagePage,
  ListSavedViewsQuery,
  QueryPackages,
  SavedView,
  SavedViewList,
} from '@pharos/contracts'
import type { Command } from 'commander'
import { CommandEnd, exitCodes } from '../exit-code.js'
import { addSchemaOptions, givenOptions } from '../options/options-from-schema.js'
import { facts, table } from '../output/output.js'
import { fleetFindingTable, fleetPackageTable } from '../output/query-tables.js'
import { imageTable } from '../output/result-tables.js'
import { ageText, shorten } from '../output/terminal-text.js'
import type { CommandContext, RunCommand } from './command-context.js'
import { showPage } from './page-listing.js'
import { workloadTable } from './workload.commands.js'

const savedFields = ['resource', 'filter', 'sort', 'columns', 'visibility'] as const
const changedFields = ['name', 'filter', 'sort', 'columns', 'visibility'] as const
const pageFields = ['limit', 'cursor', 'count'] as const
const argument = '<view>'
const argumentHelp = 'Name or id of a view'

/** How a view of each list is shown. */
const shown: Readonly<Record<SavedView['resource'], (context: CommandContext, query: Record<string, unknown>) => Promise<void>>> = {
  findings: (context, query) => showPage(context, '/findings', query, FindingPage, (page) => fleetFindingTable(page.items)),
  images: (context, query) => showPage(context, '/images', query, ImagePage, (page) => imageTable(page.items, context.nowMs())),
  packages: (context, query) => showPage(context, '/packages', query, FleetPackagePage, (page) => fleetPackageTable(page.items)),
  workloads: (context, query) => showPage(context, '/workloads', query, FleetWorkloadPage, (page) => workloadTable(page, context.nowMs())),
}

/** Adds `pharos view`: questions that somebody saved. */
export function addViewCommands(program: Command, run: RunCommand): void {
  const view = program.command('view').description('Saved views: questions that you or others have saved')

  const list = view.command('list').description('List your views and those that are shared with you')
  addSchemaOptions(list, ListSavedViewsQuery, ['resource'])
  list.action(() =>
    run(list, async ({ api, output, nowMs }) => {
      const query = givenOptions(list.opts(), ['resource'])
      output.result(await api.request({ method: 'GET', path: '/views', query }, SavedViewList), ({ items }) => viewTable(items, nowMs()))
    }),
  )

  const show = view.command('show').description('Show what a view asks').argument(argument, argumentHelp)
  show.action((name: string) =>
    run(show, async (context) => context.output.result(await locate(context, name), (found) => viewText(found, context.nowMs()))),
  )

  const ask = view.command('run').description('Ask the question of a view; it shows what you may see').argument(argument, argumentHelp)
  addSchemaOptions(ask, QueryPackages, pageFields)
  ask.action((name: string) =>
    run(ask, async (context) => {
      const { resource, filter, sort } = await locate(context, name)
      await shown[resource](context, {
        ...(filter === '' ? {} : { filter }),
        ...(sort === null ? {} : { sort }),
        ...givenOptions(ask.opts(), pageFields),
      })
    }),
  )

  const save = view.command('save').description('Save a view').argument('<name>', 'Name for people')
  addSchemaOptions(save, CreateSavedView, savedFields)
  save.action((name: string) =>
    run(save, async ({ api, output, nowMs }) => {
      const body = { resource: 'findings', ...givenOptions(save.opts(), savedFields), name }
      output.result(await api.request({ method: 'POST', path: '/views', body }, SavedView), (saved) => viewText(saved, nowMs()))
    }),
  )

  const change = view.command('change').description('Change a view of yours').argument(argument, argumentHelp)
  addSchemaOptions(change, ChangeSavedView, changedFields)
  change.action((name: string) =>
    run(change, async (context) => {
      const { id, version } = await locate(context, name)
      const body = givenOptions(change.opts(), changedFields)
      const changed = await context.api.request({ method: 'PATCH', path: `/views/${id}`, body, headers: ifMatch(version) }, SavedView)
      context.output.result(changed, (value) => viewText(value, context.nowMs()))
    }),
  )

  const remove = view.command('remove').description('Remove a view of yours').argument(argument, argumentHelp)
  remove.action((name: string) =>
    run(remove, async (context) => {
      const { id, version } = await locate(context, name)
      await context.api.call({ method: 'DELETE', path: `/views/${id}`, headers: ifMatch(version) })
      context.output.note('Removed')
    }),
  )
}

/** A view by its id, or by its name where no other has it. What was read is what is changed: the version goes with the change. */
async function locate({ api }: CommandContext, nameOrId: string): Promise<SavedView> {
  const { items } = await api.request({ method: 'GET', path: '/views' }, SavedViewList)
  const found = items.filter(({ id, name }) => id === nameOrId || name === nameOrId)
  const [only] = found
  if (only === undefined) throw new CommandEnd(exitCodes.error, `There is no view "${nameOrId}" that you may see.`)
  if (found.length > 1)
    throw new CommandEnd(
      exitCodes.error,
      `Several views have this name; give an id: ${found.map(({ id, owner }) => `${id} of ${owner}`).join(', ')}`,
    )
  return only
}

const ifMatch = (version: number): Record<string, string> => ({ 'if-match': `"${version}"` })

function viewTable(views: readonly SavedView[], nowMs: number): string {
  return table(
    ['NAME', 'LIST', 'FILTER', 'SORT', 'SEEN BY', 'OWNER', 'CHANGED'],
    views.map((view) => [
      shorten(view.name, 40),
      view.resource,
      shorten(view.filter, 60),
      view.sort ?? '-',
      view.visibility,
      view.owner,
      ageText(view.updatedAt, nowMs),
    ]),
  )
}

function viewText(view: SavedView, nowMs: number): string {
  return facts([
    ['Id', view.id],
    ['Name', view.name],
    ['List', view.resource],
    ['Filter', view.filter === '' ? '-' : view.filter],
    ['Sort', view.sort ?? '-'],
    ['Columns', view.columns.join(', ') || '-'],
    ['Seen by', view.visibility],
    ['Owner', view.owner],
    ['Changed', ageText(view.updatedAt, nowMs)],
  ])
}
