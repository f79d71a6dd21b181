import { releaseBases } from '../base-images/base-image-store.js'
import { rows } from '../database/sql.js'
import type { Transaction } from '../database/transaction.js'
import { idsOfImage } from '../findings/finding-identity.js'
import { plainArray, textArray } from '../ingest/array-parameter.js'
import { originalText } from '../inventory/stored-text.js'

/** Tables of what is known of an image, by its id. `finding` is apart: its index begins with the id. */
export const tablesOfImages = [
  'image_package',
  'finding_event',
  'finding_decision',
  'finding_decision_event',
  'vex_match',
  'image_package_event',
  'secret_finding',
  'misconfiguration_finding',
  'image_engine_result',
  'image_summary',
  'image_layer_prefix',
  'image_base',
  'enrichment_subject',
] as const

/** An image that was there, and the repositories that led to it: who might see one of these may know that it went. */
export interface RemovedImage {
  readonly digest: string
  readonly repositories: string[]
}

/**
 * Removes images and all that is known of them, but for their catalogues; workloads that run them lead to an unknown image
 * again. Facts that other images may share stay: retention removes those that no image has. Locks the images in the order of
 * their ids. Returns those that were there.
 */
export async function removeImages(tx: Transaction, imageIds: readonly number[]): Promise<RemovedImage[]> {
  const ids = plainArray(imageIds)
  await tx.query('select from image where id = any ($1::int8[]) order by id for update', [ids])
  const found = await rows<RemovedImage>(
    tx,
    `select i.digest, array(select distinct r.repository from image_reference r where r.image_id = i.id order by 1) as repositories
       from image i where i.id = any ($1::int8[]) order by i.id`,
    [ids],
  )
  const digests = textArray(found.map(({ digest }) => digest))
  await tx.query(
    `delete from finding f using image i
      where i.id = any ($1::int8[]) and f.image_id = i.id and ${idsOfImage('f.id', 'i.digest')}`,
    [ids],
  )
  for (const table of tablesOfImages) await tx.query(`delete from ${table} where image_id = any ($1::int8[])`, [ids])
  await tx.query('delete from image_index where manifest_digest = any ($1::text[])', [digests])
  await tx.query('delete from image_context where digest = any ($1::text[])', [digests])
  await tx.query('update workload set image_id = null where image_id = any ($1::int8[])', [ids])
  await releaseBases(tx, ids)
  await tx.query('delete from image where id = any ($1::int8[])', [ids])
  return found.map(({ digest, repositories }) => ({ digest, repositories: repositories.map(originalText) }))
}
