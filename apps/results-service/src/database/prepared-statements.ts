import { hash } from 'node:crypto'

/** The part of a `pg` connection that runs statements. */
export interface StatementConnection {
  query(statement: unknown, values?: unknown, callback?: unknown): unknown
}

/** A migration may give such a result another shape, and PostgreSQL then refuses the statement that it once prepared. */
const returnsAllColumns = /(?:\bselect|\breturning|,)\s+(?:\w+\.)?\*/i

/** Names of texts. Whoever prepares statements has few and constant ones. */
const names = new Map<string, string>()

/**
 * Lets a connection prepare what it runs from here on, until the answer is called: PostgreSQL then parses and plans a text once
 * for each connection and not each time it comes, which is most of its work on a small statement. A connection keeps what it has
 * prepared for good, so this is for work whose texts are few and constant, and whose best plan does not depend on values.
 */
export function prepareStatements(connection: StatementConnection): () => void {
  const run = connection.query
  connection.query = (statement, values, callback) =>
    typeof statement === 'string' && Array.isArray(values) && values.length > 0 && !returnsAllColumns.test(statement)
      ? run.call(connection, { name: nameOf(statement), text: statement, values: values as unknown[] }, callback)
      : run.call(connection, statement, values, callback)
  return () => {
    // The connection's own property hid the method of its class, which stands again.
    Reflect.deleteProperty(connection, 'query')
  }
}

function nameOf(text: string): string {
  const known = names.get(text)
  if (known !== undefined) return known
  const name = `pharos_${hash('sha256', text, 'hex').slice(0, 32)}`
  names.set(text, name)
  return name
}
