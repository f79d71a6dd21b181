import type { VisibleRepositories } from '../access/repository-scope.js'

/** Parameters of a statement that is put together of parts. */
export class SqlParameters {
  private readonly values: unknown[] = []

  /** Parameters of which `$1` is the caller's scope, as `visible(..., 1)` reads it. */
  static ofScope(scope: VisibleRepositories): SqlParameters {
    const parameters = new SqlParameters()
    parameters.add(scope, 'text[]')
    return parameters
  }

  /** Adds a value and returns what stands for it in the SQL, e.g. `$3::text[]`. It need not be used. */
  add(value: unknown, type: string): string {
    this.values.push(value)
    return `$${this.values.length}::${type}`
  }

  /** The statement and the values that it uses, numbered anew: PostgreSQL refuses a parameter that stands nowhere. */
  bind(sql: string): [sql: string, values: unknown[]] {
    const numbers = new Map<number, number>()
    const values: unknown[] = []
    const bound = sql.replace(/\$(\d+)/g, (_whole, digits: string) => {
      const number = Number(digits)
      const known = numbers.get(number) ?? values.push(this.values[number - 1])
      numbers.set(number, known)
      return `$${known}`
    })
    return [bound, values]
  }
}
