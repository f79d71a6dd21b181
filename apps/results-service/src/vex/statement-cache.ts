import { StatementScope } from './statement-matching.js'
import type { StoredStatement } from './vex-matches.repository.js'

/** A statement, ready to be compared with findings. */
export interface ReadyStatement {
  readonly statement: StoredStatement
  readonly scope: StatementScope
}

/** Ids of products and components that are kept in all. */
const limitIds = 300_000

/** Statements that were compared last. They never change, so that what is kept here holds as long as the statement is in force. */
export class StatementCache {
  private readonly ready = new Map<string, ReadyStatement & { readonly size: number }>()
  private size = 0

  get(key: string): ReadyStatement | undefined {
    const found = this.ready.get(key)
    if (found !== undefined) {
      // The order of the map is that of use.
      this.ready.delete(key)
      this.ready.set(key, found)
    }
    return found
  }

  add(key: string, statement: StoredStatement): ReadyStatement {
    const size = statement.products.reduce((sum, { ids, subcomponents }) => sum + ids.length + subcomponents.length, 1)
    const ready = { statement, scope: new StatementScope(statement.products), size }
    this.size += size - (this.ready.get(key)?.size ?? 0)
    this.ready.set(key, ready)
    for (const [oldest, { size: freed }] of this.ready) {
      if (this.size <= limitIds || oldest === key) break
      this.ready.delete(oldest)
      this.size -= freed
    }
    return ready
  }
}
