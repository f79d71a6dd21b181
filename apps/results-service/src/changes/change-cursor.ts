import { PharosError } from '@pharos/contracts'
import { decodeCursor, encodeCursor } from '../database/keyset.js'

/** A place in the feed of changes: everything of transactions before `xid`, and of this one up to the row. */
export interface ChangePosition {
  readonly xid: string
  /** Table of the row, see changes.repository.ts; 0 when nothing of the transaction was read. */
  readonly source: number
  readonly id: string
  /** Nothing that was written before is behind this place: tells whether retention may have passed it. */
  readonly at: Date
}

const list = { list: 'changes', sort: '' }

export function changeCursor({ xid, source, id, at }: ChangePosition): string {
  return encodeCursor(list, [xid, source, id, at.toISOString()])
}

/** Throws `cursor-invalid` for a text that is no cursor of the feed. */
export function changePosition(cursor: string): ChangePosition {
  const [xid, source, id, at] = decodeCursor(list, cursor, ['int', 'code', 'int', 'time']) ?? []
  if (typeof xid !== 'string' || typeof source !== 'number' || typeof id !== 'string' || typeof at !== 'string')
    throw new PharosError('cursor-invalid', 'The cursor is of another version of the change feed.')
  return { xid, source, id, at: new Date(at) }
}
