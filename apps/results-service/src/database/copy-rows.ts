import { QueryFailedError } from 'typeorm'
import type { Transaction } from './transaction.js'

/** What a `pg` connection offers to whoever runs a statement of its own kind. */
interface CopyConnection {
  query(text: string): void
  sendCopyFromChunk(bytes: Uint8Array): void
  endCopyFrom(): void
}

const chunkBytes = 1024 * 1024
const signature = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1')
const headBytes = signature.byteLength + 8
const trailerBytes = 2

/** Rows in the binary form of COPY. Columns are written one by one, in the order of the statement. */
export class CopyRows {
  private readonly buffer: Buffer
  private offset = headBytes

  /** `rowCount` rows of `columnCount` columns whose values take `valueBytes` in all. */
  constructor(
    rowCount: number,
    private readonly columnCount: number,
    valueBytes: number,
  ) {
    this.buffer = Buffer.allocUnsafe(headBytes + rowCount * (2 + columnCount * 4) + valueBytes + trailerBytes)
    signature.copy(this.buffer)
    this.buffer.fill(0, signature.byteLength, headBytes)
  }

  begin(): void {
    this.offset = this.buffer.writeInt16BE(this.columnCount, this.offset)
  }

  /** An int8 that is a safe integer and not negative. */
  id(value: number): void {
    this.offset = this.buffer.writeInt32BE(8, this.offset)
    this.offset = this.buffer.writeUInt32BE(Math.floor(value / 2 ** 32), this.offset)
    this.offset = this.buffer.writeUInt32BE(value % 2 ** 32, this.offset)
  }

  /** An int2. */
  code(value: number): void {
    this.offset = this.buffer.writeInt32BE(2, this.offset)
    this.offset = this.buffer.writeInt16BE(value, this.offset)
  }

  /** Bytes as they stand, a character each. */
  characters(latin1: string): void {
    this.offset = this.buffer.writeInt32BE(latin1.length, this.offset)
    this.offset += this.buffer.write(latin1, this.offset, 'latin1')
  }

  /** Bytes as they stand; null is SQL's. */
  bytes(value: Uint8Array | null): void {
    this.offset = this.buffer.writeInt32BE(value === null ? -1 : value.byteLength, this.offset)
    if (value === null) return
    this.buffer.set(value, this.offset)
    this.offset += value.byteLength
  }

  end(): Buffer {
    this.offset = this.buffer.writeInt16BE(-1, this.offset)
    return this.buffer.subarray(0, this.offset)
  }
}

/**
 * Runs a `copy ... from stdin (format binary)`: rows go in by the page and not one by one, and nothing is bound. It inserts or
 * fails, so it is for rows that no other transaction can have.
 */
export async function copyRows(tx: Transaction, statement: string, rows: CopyRows): Promise<void> {
  const connection = (await tx.queryRunner?.connect()) as { query(statement: CopyStatement): unknown }
  const bytes = rows.end()
  try {
    await new Promise<void>((resolve, reject) => {
      connection.query(new CopyStatement(statement, bytes, (error) => (error ? reject(error) : resolve())))
    })
  } catch (error) {
    throw new QueryFailedError(statement, [], error as Error)
  }
}

/** A statement as `pg` runs it: it calls the methods as the server's messages come. */
class CopyStatement {
  constructor(
    private readonly text: string,
    private readonly bytes: Buffer,
    readonly callback: (error?: Error | null) => void,
  ) {}

  submit(connection: CopyConnection): void {
    connection.query(this.text)
  }

  handleCopyInResponse(connection: CopyConnection): void {
    for (let offset = 0; offset < this.bytes.byteLength; offset += chunkBytes)
      connection.sendCopyFromChunk(this.bytes.subarray(offset, offset + chunkBytes))
    connection.endCopyFrom()
  }

  handleCommandComplete(): void {
    // The answer comes when the server is ready again.
  }

  handleError(error: Error): void {
    this.callback(error)
  }

  handleReadyForQuery(): void {
    this.callback()
  }
}
