import type { Transaction } from '../database/transaction.js'

/** Key of the advisory lock between reports that are being stored, side by side, and what must find none of them half done. */
const ingestLock = 7_236_451_110

/** Holds off re-matches that begin or switch, until the end of the transaction. */
export async function shareIngest(tx: Transaction): Promise<void> {
  await tx.query('select pg_advisory_xact_lock_shared($1)', [ingestLock])
}

/** Waits for the reports that are being stored, and lets none begin until the end of the transaction. */
export async function stopIngest(tx: Transaction): Promise<void> {
  await tx.query('select pg_advisory_xact_lock($1)', [ingestLock])
}
