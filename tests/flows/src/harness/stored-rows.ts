import pg from 'pg'

/** Rows of the database as they are stored: what the API cannot show, e.g. that nothing is stored twice. */
export async function storedRows<T extends pg.QueryResultRow>(databaseUrl: string, sql: string, values: unknown[] = []): Promise<T[]> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    return (await client.query<T>(sql, values)).rows
  } finally {
    await client.end()
  }
}
