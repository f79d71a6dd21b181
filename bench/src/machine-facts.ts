import { availableParallelism, cpus, loadavg, totalmem } from 'node:os'
import pg from 'pg'
import { mebibytes } from './print.js'

/** Prints what the figures were taken on. Refuses a PostgreSQL that is not durable: its figures would mean nothing. */
export async function printMachineFacts(databaseUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    const { rows } = await client.query<{ name: string; setting: string }>(
      `select name, setting from pg_settings where name in ('fsync', 'synchronous_commit', 'full_page_writes', 'shared_buffers', 'server_version')`,
    )
    const setting = new Map(rows.map((row) => [row.name, row.setting]))
    console.log(
      `machine: ${availableParallelism()} cores (${cpus()[0]?.model ?? 'unknown'}), ${mebibytes(totalmem())}, Node ${process.version}, ${new Date().toISOString()}`,
    )
    console.log(
      `load average before: ${loadavg()
        .map((load) => load.toFixed(2))
        .join(' ')} (figures count only on an idle machine)`,
    )
    const durability = ['fsync', 'synchronous_commit', 'full_page_writes'].map((name) => `${name} ${setting.get(name) ?? 'unknown'}`)
    console.log(`PostgreSQL ${setting.get('server_version') ?? 'unknown'}: ${durability.join(', ')}`)
    if (durability.some((text) => !text.endsWith(' on'))) throw new Error('this PostgreSQL is not durable')
  } finally {
    await client.end()
  }
}
