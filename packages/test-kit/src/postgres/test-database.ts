import { createHash, randomBytes } from 'node:crypto'
import pg from 'pg'

const databasePrefix = 'pharos_test_'
const templatePrefix = 'pharos_template_'
/** Templates of older migrations that are kept for a switch between branches. */
const keptTemplates = 12

/** A database that is made once and then cloned for each test. */
export interface DatabaseTemplate {
  /** Changes whenever `build` would make something else, e.g. a hash of all migrations. */
  key: string
  /** Fills an empty database; must close its connections. */
  build(url: string): Promise<void>
}

/** A database of one test. */
export interface TestDatabase {
  name: string
  url: string
  /** Ends its sessions and removes it. */
  drop(): Promise<void>
}

/** Makes an empty database, or a clone of the template. */
export async function createTestDatabase(adminUrl: string, template?: DatabaseTemplate): Promise<TestDatabase> {
  const name = `${databasePrefix}${randomBytes(8).toString('hex')}`
  const templateName = template && (await ensureTemplate(adminUrl, template))
  await withClient(adminUrl, (client) => client.query(`create database ${name} template ${templateName ?? 'template0'}`))
  return {
    name,
    url: urlOf(adminUrl, name),
    drop: async () => {
      await withClient(adminUrl, (client) => client.query(`drop database if exists ${name} with (force)`))
    },
  }
}

/** Makes a database when it is not there yet, and returns its address. */
export async function ensureDatabase(adminUrl: string, name: string): Promise<string> {
  await withClient(adminUrl, async (client) => {
    const { rowCount } = await client.query('select from pg_database where datname = $1', [name])
    if (!rowCount) await client.query(`create database ${client.escapeIdentifier(name)}`)
  })
  return urlOf(adminUrl, name)
}

/** Removes what tests left on a server: their databases, and all or only the oldest templates. */
export async function dropTestDatabases(adminUrl: string, templates: 'keep-templates' | 'drop-templates'): Promise<void> {
  await withClient(adminUrl, async (client) => {
    const { rows } = await client.query<{ datname: string }>(
      `select datname from pg_database where datname like 'pharos\\_t%' order by oid desc`,
    )
    const names = rows.map((row) => row.datname)
    const finished = names.filter((name) => name.startsWith(templatePrefix) && !name.endsWith('_new'))
    const kept = new Set(templates === 'keep-templates' ? finished.slice(0, keptTemplates) : [])
    for (const name of names) {
      const isOurs = name.startsWith(databasePrefix) || name.startsWith(templatePrefix)
      if (isOurs && !kept.has(name)) await client.query(`drop database if exists ${name} with (force)`)
    }
  })
}

async function ensureTemplate(adminUrl: string, template: DatabaseTemplate): Promise<string> {
  const hash = createHash('sha256').update(template.key).digest('hex').slice(0, 16)
  const name = `${templatePrefix}${hash}`
  await withClient(adminUrl, async (client) => {
    // One process builds it, the others wait; the lock goes with the session when that process is killed.
    await client.query('select pg_advisory_lock(hashtext($1))', [name])
    const { rowCount } = await client.query('select from pg_database where datname = $1', [name])
    if (rowCount) return
    const draft = `${name}_new`
    await client.query(`drop database if exists ${draft} with (force)`)
    await client.query(`create database ${draft} template template0`)
    await template.build(urlOf(adminUrl, draft))
    await client.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [draft])
    await client.query(`alter database ${draft} rename to ${name}`)
  })
  return name
}

function urlOf(adminUrl: string, database: string): string {
  const url = new URL(adminUrl)
  url.pathname = `/${database}`
  return url.href
}

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}
