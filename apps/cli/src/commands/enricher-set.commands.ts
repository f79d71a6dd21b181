import {
  EnricherOverview,
  EnricherRun,
  EnricherSetDetail,
  EnricherSetPage,
  PageQuery,
  PharosError,
  StoredEnricherSet,
  type EnricherSource,
} from '@pharos/contracts'
import type { Command } from 'commander'
import { CommandEnd, exitCodes } from '../exit-code.js'
import { addSchemaOptions, givenOptions } from '../options/options-from-schema.js'
import { overviewText, problemLine, runText, setTable, setText } from '../output/enricher-tables.js'
import type { CommandContext, RunCommand } from './command-context.js'
import { filesToSend, readSetFolder } from './enricher-folder.js'
import { followRun } from './enricher-run.commands.js'
import { showPage } from './page-listing.js'

const pageFields = ['limit', 'cursor'] as const
/** Longest wait for a worker that compiles the scripts of a new set. */
const checkingTimeoutMs = 120_000
const checkingPollMs = 500

interface PushOptions {
  label?: string
  git?: string
  commit?: string
  path?: string
  activate?: boolean
  wait?: boolean
}

/** Adds the commands about sets at the server: list, sets, show, push, activate, compare, remove. */
export function addEnricherSetCommands(enricher: Command, run: RunCommand): void {
  const list = enricher.command('list', { isDefault: true }).description('Show the active enrichers and how they do')
  list.action(() =>
    run(list, async ({ api, output, nowMs }) => {
      const overview = await api.request({ method: 'GET', path: '/enrichers' }, EnricherOverview)
      output.result(overview, (value) => overviewText(value, nowMs()))
    }),
  )

  const sets = enricher.command('sets').description('List sets of enrichers, newest first')
  addSchemaOptions(sets, PageQuery, pageFields)
  sets.action(() =>
    run(sets, (context) =>
      showPage(context, '/enrichers/sets', givenOptions(sets.opts(), pageFields), EnricherSetPage, ({ items }) =>
        setTable(items, context.nowMs()),
      ),
    ),
  )

  const show = enricher.command('show').description('Show a set; with --output json also its files').argument('<set>', setArgument)
  show.action((set: string) =>
    run(show, async (context) => {
      const path = `/enrichers/sets/${await setIdOf(context, set)}`
      context.output.result(await context.api.request({ method: 'GET', path }, EnricherSetDetail), setText)
    }),
  )

  const remove = enricher.command('remove').description('Remove a set that is not active').argument('<set>', setArgument)
  remove.action((set: string) =>
    run(remove, async (context) => {
      const id = await setIdOf(context, set)
      await context.api.call({ method: 'DELETE', path: `/enrichers/sets/${id}` })
      context.output.result({ removed: id }, () => `Removed ${set}\n`)
    }),
  )

  addPushCommand(enricher, run)
  for (const [action, description] of [
    ['activate', 'Make a set the active one; it runs over the fleet in the background, and no image is scanned'],
    ['compare', "Run a set over the fleet without keeping its contexts, and tell the difference to today's"],
  ] as const) {
    const command = enricher
      .command(action)
      .description(description)
      .argument('<set>', setArgument)
      .option('--wait', 'Follow the run to its end')
    command.action((set: string) =>
      run(command, async (context) =>
        start(context, await setIdOf(context, set), action, command.opts<{ wait?: boolean }>().wait === true),
      ),
    )
  }
}

const setArgument = 'Version or id of the set'

function addPushCommand(enricher: Command, run: RunCommand): void {
  const push = enricher
    .command('push')
    .description('Send a folder of enrichers, or tell where a worker fetches them; it is checked as a whole and kept as a draft')
    .argument('[folder]', 'Folder with enrichers.yaml, or with one enricher')
    .option('--label <text>', 'Words for people, e.g. why it was made')
    .option('--git <url>', 'Instead of a folder: address of a git repository, https')
    .option('--commit <hash>', 'With --git: the commit, by its whole hash')
    .option('--path <folder>', 'With --git: folder in the repository')
    .option('--activate', 'Make it the active set when it has no mistakes')
    .option('--wait', 'With --activate: follow the run to its end')
  push.action((folder: string | undefined) =>
    run(push, async (context) => {
      const { label, activate, wait, ...from } = push.opts<PushOptions>()
      const what = await contentOf(folder, from, context)
      const body = { ...what, ...(label === undefined ? {} : { label }) }
      const set = await checked(context, await create(context, body))
      if (set.state === 'invalid') throw new CommandEnd(exitCodes.enrichers, set.problems.map(problemLine).join('\n'))
      if (activate !== true) return context.output.result(set, setText)
      context.output.note(`Set ${set.version} has no mistakes.`)
      return start(context, set.id, 'activate', wait === true)
    }),
  )
}

async function contentOf(
  folder: string | undefined,
  { git, commit, path }: PushOptions,
  context: CommandContext,
): Promise<{ files: readonly { path: string; content: string }[] } | { source: EnricherSource }> {
  if ((folder === undefined) === (git === undefined)) throw new CommandEnd(exitCodes.usage, 'Give either a folder or --git.')
  if (folder !== undefined) return { files: filesToSend(await readSetFolder(folder, context)) }
  if (git === undefined || commit === undefined)
    throw new CommandEnd(exitCodes.usage, 'With --git give --commit, a whole hash: a branch or tag may move.')
  return { source: { git, commit, path: path ?? '' } }
}

async function create({ api }: CommandContext, body: Record<string, unknown>): Promise<StoredEnricherSet> {
  try {
    return await api.request({ method: 'POST', path: '/enrichers/sets', body }, StoredEnricherSet)
  } catch (error) {
    if (!(error instanceof PharosError) || error.code !== 'enricher-set-invalid') throw error
    throw new CommandEnd(exitCodes.enrichers, (error.errors ?? []).map(({ detail }) => detail).join('\n') || error.detail)
  }
}

/** The set once a worker has compiled its scripts. */
async function checked(context: CommandContext, set: StoredEnricherSet): Promise<StoredEnricherSet> {
  let last = set
  for (const deadlineMs = context.nowMs() + checkingTimeoutMs; last.state === 'checking'; ) {
    if (context.nowMs() > deadlineMs)
      throw new CommandEnd(exitCodes.timeout, `No worker has checked set ${set.version} yet; see: pharos enricher show ${set.version}`)
    await new Promise((resolve) => setTimeout(resolve, checkingPollMs))
    last = await context.api.request({ method: 'GET', path: `/enrichers/sets/${set.id}` }, StoredEnricherSet)
  }
  return last
}

async function start(context: CommandContext, setId: string, action: 'activate' | 'compare', isAwaited: boolean): Promise<void> {
  const begun = await context.api.request({ method: 'POST', path: `/enrichers/sets/${setId}:${action}` }, EnricherRun)
  if (isAwaited) await followRun(context, begun.id)
  else context.output.result(begun, runText)
}

/** People name a set by its version, machines by its id. */
async function setIdOf({ api }: CommandContext, set: string): Promise<string> {
  if (!/^\d+$/.test(set)) return encodeURIComponent(set)
  let cursor: string | null = null
  do {
    const query: Record<string, unknown> = { limit: 100, ...(cursor === null ? {} : { cursor }) }
    const page: EnricherSetPage = await api.request({ method: 'GET', path: '/enrichers/sets', query }, EnricherSetPage)
    const found = page.items.find(({ version }) => version === Number(set))
    if (found !== undefined) return found.id
    cursor = page.nextCursor
  } while (cursor !== null)
  throw new CommandEnd(exitCodes.error, `There is no set of version ${set}.`)
}
