import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import {
  AffectedCount,
  CreatedToken,
  CreateToken,
  DatabaseGeneration,
  DatabaseGenerationPage,
  EngineName,
  SystemStatus,
  TokenPage,
} from '@pharos/contracts'
import { type Command, Option } from 'commander'
import { addSchemaOptions, givenOptions } from '../options/options-from-schema.js'
import { facts, table } from '../output/output.js'
import { ageText, byteText } from '../output/terminal-text.js'
import type { RunCommand } from './command-context.js'

const tokenFields = ['roles', 'repositories', 'expiresInDays'] as const

function systemText(status: SystemStatus, nowMs: number): string {
  const sections = [
    facts([
      ['Pharos', status.version],
      ['Images', String(status.counts.images)],
      ['Packages', String(status.counts.packages)],
      ['Open findings', String(status.counts.openFindings)],
      ['Scan tasks', String(status.counts.tasks)],
    ]),
    table(
      ['ENGINE', 'VERSION', 'WORKERS', 'STATE'],
      status.engines.map((engine) => [
        engine.engine,
        engine.version ?? '-',
        String(engine.workers),
        engine.available ? 'available' : `unavailable: ${engine.reason ?? 'unknown reason'}`,
      ]),
    ),
    table(
      ['DATABASE', 'SCHEMA', 'BUILT', 'AGE', 'SIZE', 'STATE'],
      status.databases.map((database) => [
        database.engine,
        database.schemaVersion,
        database.builtAt ?? '-',
        ageText(database.builtAt, nowMs),
        byteText(database.sizeBytes),
        `${database.state}${database.isSample ? ', SAMPLE' : ''}${database.isStale ? ', OLD' : ''}`,
      ]),
    ),
    table(
      ['QUEUE', 'STATE', 'QUEUED', 'RUNNING', 'RETRYING', 'QUARANTINED', 'OLDEST'],
      status.queues.map((queue) => [
        queue.lane,
        queue.isPaused ? 'paused' : 'open',
        String(queue.queued),
        String(queue.running),
        String(queue.retrying),
        String(queue.quarantined),
        queue.oldestQueuedSeconds === null ? '-' : `${Math.round(queue.oldestQueuedSeconds)}s`,
      ]),
    ),
    table(
      ['WORKER', 'VERSION', 'SLOTS', 'BUSY', 'SEEN'],
      status.workers.map((worker) => [
        worker.id,
        worker.version,
        String(worker.slots),
        String(worker.busy),
        ageText(worker.lastSeenAt, nowMs),
      ]),
    ),
  ]
  return sections.join('\n')
}

/** Adds `pharos system`, `pharos tokens` and `pharos databases`. */
export function addAdministrationCommands(program: Command, run: RunCommand): void {
  const system = program.command('system').description('Show versions, databases and their age, queues and workers')
  system.action(() =>
    run(system, async (context) =>
      context.output.result(await context.api.request({ method: 'GET', path: '/system' }, SystemStatus), (status) =>
        systemText(status, context.nowMs()),
      ),
    ),
  )

  const tokens = program.command('tokens').description('API tokens')
  const listTokens = tokens.command('list', { isDefault: true }).description('List tokens')
  listTokens.action(() =>
    run(listTokens, async (context) =>
      context.output.result(await context.api.request({ method: 'GET', path: '/tokens', query: { limit: 500 } }, TokenPage), (page) =>
        table(
          ['ID', 'NAME', 'ROLES', 'REPOSITORIES', 'EXPIRES', 'LAST USED', 'STATE'],
          page.items.map((token) => [
            token.id,
            token.name,
            token.roles.join(', '),
            token.scope.repositories?.join(', ') ?? 'all',
            token.expiresAt ?? 'never',
            ageText(token.lastUsedAt, context.nowMs()),
            token.revokedAt === null ? 'valid' : 'revoked',
          ]),
        ),
      ),
    ),
  )
  const createToken = tokens.command('create').description('Make a token; it is shown this once').argument('<name>', 'What it is for')
  addSchemaOptions(createToken, CreateToken, tokenFields)
  createToken.action((name: string) =>
    run(createToken, async (context) => {
      const options = givenOptions(createToken.opts(), tokenFields)
      const body = {
        roles: ['viewer'],
        ...options,
        name,
        ...(options['expiresInDays'] === undefined ? {} : { expiresInDays: Number(options['expiresInDays']) }),
      }
      context.output.result(
        await context.api.request({ method: 'POST', path: '/tokens', body }, CreatedToken),
        (token) => `${token.token}\n`,
      )
    }),
  )
  const revokeToken = tokens.command('revoke').description('Revoke a token').argument('<id>')
  revokeToken.action((id: string) =>
    run(revokeToken, async (context) => {
      await context.api.call({ method: 'DELETE', path: `/tokens/${encodeURIComponent(id)}` })
      context.output.note(`The token ${id} is revoked.`)
    }),
  )

  const databases = program.command('databases').description('Vulnerability databases')
  const listDatabases = databases.command('list', { isDefault: true }).description('List generations, newest first')
  const render = (page: DatabaseGenerationPage, nowMs: number) =>
    table(
      ['ENGINE', 'STATE', 'SCHEMA', 'BUILT', 'AGE', 'SIZE', 'SOURCE', 'PROBLEM'],
      page.items.map((item) => [
        item.engine,
        `${item.state}${item.isSample ? ', SAMPLE' : ''}`,
        item.schemaVersion,
        item.builtAt ?? '-',
        ageText(item.builtAt, nowMs),
        byteText(item.sizeBytes),
        item.source,
        item.problem ?? '',
      ]),
    )
  listDatabases.action(() =>
    run(listDatabases, async (context) =>
      context.output.result(await context.api.request({ method: 'GET', path: '/databases' }, DatabaseGenerationPage), (page) =>
        render(page, context.nowMs()),
      ),
    ),
  )
  const importDatabase = databases
    .command('import')
    .description("Upload a database in its engine's official archive format")
    .argument('<file>')
    .addOption(new Option('--engine <engine>', 'Engine that the database is for').choices(EngineName.options).default('grype'))
    .option('--allow-older', 'Accept a database that is not newer than the active one')
  importDatabase.action((file: string) =>
    run(importDatabase, async (context) => {
      const { size } = await stat(file)
      const { engine, allowOlder } = importDatabase.opts<{ engine: string; allowOlder?: boolean }>()
      const generation = await context.api.request(
        {
          method: 'POST',
          path: '/databases:import',
          query: { engine, allowOlder: String(allowOlder ?? false) },
          stream: { body: createReadStream(file), mediaType: 'application/octet-stream', sizeBytes: size },
        },
        DatabaseGeneration,
      )
      context.output.result(generation, (value) => render({ items: [value], nextCursor: null }, context.nowMs()))
    }),
  )
  const updateDatabases = databases.command('update').description('Look for newer databases now')
  updateDatabases.action(() =>
    run(updateDatabases, async (context) =>
      context.output.result(
        await context.api.request({ method: 'POST', path: '/databases:update' }, AffectedCount),
        () => 'The look-up is due.\n',
      ),
    ),
  )
}
