import type pg from 'pg'

/** Unique packages and their occurrences in images. */
export interface PackageFigures {
  type: string
  unique: number
  occurrences: number
}

export async function countPackages(client: pg.Client): Promise<PackageFigures[]> {
  const { rows } = await client.query<{ type: string; unique: string; occurrences: string }>(
    `select p.type, count(*) as unique, sum(n) as occurrences from package p
     join (select package_id, count(*) as n from image_package where is_present group by package_id) o on o.package_id = p.id group by p.type order by sum(n) desc`,
  )
  return rows.map(({ type, unique, occurrences }) => ({ type, unique: Number(unique), occurrences: Number(occurrences) }))
}

/** How many rows the fleet comes to. */
export async function countRows(
  client: pg.Client,
): Promise<{ packages: number; matches: number; findings: number; vulnerabilities: number }> {
  const { rows } = await client.query<Record<'packages' | 'matches' | 'findings' | 'vulnerabilities', string>>(
    `select (select count(*) from package) as packages, (select count(*) from package_match where is_open) as matches,
     (select count(*) from finding where is_open) as findings, (select count(*) from vulnerability) as vulnerabilities`,
  )
  const [row] = rows
  return {
    packages: Number(row?.packages),
    matches: Number(row?.matches),
    findings: Number(row?.findings),
    vulnerabilities: Number(row?.vulnerabilities),
  }
}

/** Bytes of the whole database and of its largest tables with their indexes, after what is dead was cleared away. */
export async function measureStorage(client: pg.Client): Promise<{ databaseBytes: number; tables: { name: string; bytes: number }[] }> {
  await client.query('vacuum (analyze)')
  const { rows } = await client.query<{ name: string; bytes: string }>(
    `select relname as name, pg_total_relation_size(oid) as bytes from pg_class where relkind in ('r', 'm') and relnamespace = 'public'::regnamespace
     order by pg_total_relation_size(oid) desc limit 12`,
  )
  const total = await client.query<{ bytes: string }>('select pg_database_size(current_database()) as bytes')
  return {
    databaseBytes: Number(total.rows[0]?.bytes),
    tables: rows.map(({ name, bytes }) => ({ name, bytes: Number(bytes) })),
  }
}
