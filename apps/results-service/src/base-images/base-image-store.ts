import { Injectable } from '@nestjs/common'
import { oneRow, rows } from '../database/sql.js'
import type { Transaction } from '../database/transaction.js'
import { plainArray } from '../ingest/array-parameter.js'
import { storedText } from '../inventory/stored-text.js'
import { resolvedImageId } from '../workloads/resolved-image-sql.js'
import { baseClaimOf, prefixHashes } from './layer-chain.js'

/** What is known of an image's layers when it is stored. */
export interface LayeredImage {
  readonly id: number
  readonly digest: string
  readonly configDigest: string | null
  readonly platform: string
  readonly annotations: Readonly<Record<string, string>>
  readonly labels: Readonly<Record<string, string>>
  /** The lowest layer first. */
  readonly diffIds: readonly string[]
}

/** Layers of `base` at the bottom of `image`; null when its whole chain is no proper prefix of the image's. */
const commonDepth = (image: string, base: string): string =>
  `(select p.depth from image_layer_prefix w join image_layer_prefix p on p.prefix_hash = w.prefix_hash and p.image_id = ${image} and not p.is_whole
     where w.image_id = ${base} and w.is_whole)`

/** The longest chain of a stored image that is a proper prefix of these images' chains; of equal ones that which was stored first. */
const longestPrefix = (imageIds: string): string =>
  `select distinct on (p.image_id) p.image_id, b.image_id as base_image_id, p.depth as layer_count, 'prefix' as source
     from image_layer_prefix p join image_layer_prefix b on b.prefix_hash = p.prefix_hash and b.is_whole and b.image_id <> p.image_id
    where p.image_id = any (${imageIds}) and not p.is_whole order by p.image_id, p.depth desc, b.image_id`

/** Keeps which image another is built on: as its annotations say, else by the layers that they share. */
@Injectable()
export class BaseImageStore {
  /** Places an image among those that are stored, below and above. Does nothing for one that has its place already. */
  async place(tx: Transaction, image: LayeredImage): Promise<void> {
    const hashes = prefixHashes(image.diffIds)
    const whole = hashes.at(-1)
    if (whole === undefined || (await oneRow(tx, 'select 1 from image_layer_prefix where image_id = $1 limit 1', [image.id])) !== null)
      return
    // Images that share the lowest layer are placed one after the other, or two that come at once would not see each other.
    await tx.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`layers ${hashes[0] ?? ''}`])
    await tx.query(
      `insert into image_layer_prefix (image_id, depth, prefix_hash, is_whole)
       select $1, position, hash, position = $3 from unnest($2::uuid[]) with ordinality as t(hash, position) on conflict do nothing`,
      [image.id, plainArray(hashes), hashes.length],
    )
    await this.findBase(tx, image)
    await this.claimByLayers(tx, image.id, { whole, depth: hashes.length })
    await this.claimByDigest(tx, image)
  }

  private async findBase(tx: Transaction, { id, platform, annotations, labels }: LayeredImage): Promise<void> {
    const claim = baseClaimOf(annotations, labels)
    if (claim === null) {
      await tx.query(
        `insert into image_base (image_id, base_image_id, layer_count, source) ${longestPrefix('array[$1::int8]')} on conflict (image_id) do nothing`,
        [id],
      )
      return
    }
    await tx.query(
      `insert into image_base (image_id, base_image_id, base_reference, base_digest, layer_count, source)
       select $1, b.id, $2, $3, ${commonDepth('$1', 'b.id')}, 'annotation'
         from (select nullif(${resolvedImageId('$3::text', '$4::text')}, $1) as id) b
       on conflict (image_id) do nothing`,
      [id, claim.reference && storedText(claim.reference), claim.digest, storedText(platform)],
    )
  }

  /** A base that comes later claims the images that share more layers with it than with the one they had. */
  private async claimByLayers(tx: Transaction, id: number, chain: { whole: string; depth: number }): Promise<void> {
    await tx.query(
      `insert into image_base (image_id, base_image_id, layer_count, source)
       select p.image_id, $1, $3, 'prefix' from image_layer_prefix p where p.prefix_hash = $2 and not p.is_whole and p.image_id <> $1 order by p.image_id
       on conflict (image_id) do update set base_image_id = excluded.base_image_id, layer_count = excluded.layer_count
        where image_base.source = 'prefix' and image_base.layer_count < excluded.layer_count`,
      [id, chain.whole, chain.depth],
    )
  }

  /** A base that comes later is found by those whose annotations name it. */
  private async claimByDigest(tx: Transaction, { id, digest, configDigest, platform }: LayeredImage): Promise<void> {
    await tx.query(
      `update image_base b set base_image_id = $1, layer_count = ${commonDepth('b.image_id', '$1')}
        where b.base_image_id is null and b.image_id <> $1
          and b.base_digest = any (array(select index_digest from image_index where manifest_digest = $2::text) || array_remove(array[$2::text, $3::text], null))
          and exists (select from image i where i.id = b.image_id and i.platform = $4)`,
      [id, digest, configDigest, storedText(platform)],
    )
  }
}

/** Takes removed images away from those that are built on them: these get the next longest prefix, or none. `ids` is an array of PostgreSQL. */
export async function releaseBases(tx: Transaction, ids: string): Promise<void> {
  await tx.query(
    `update image_base set base_image_id = null, layer_count = null where base_image_id = any ($1::int8[]) and source = 'annotation'`,
    [ids],
  )
  const orphans = await rows<{ image_id: string }>(
    tx,
    `delete from image_base where base_image_id = any ($1::int8[]) and source = 'prefix' returning image_id`,
    [ids],
  )
  await tx.query(
    `insert into image_base (image_id, base_image_id, layer_count, source) ${longestPrefix('$1::int8[]')} on conflict (image_id) do nothing`,
    [plainArray(orphans.map(({ image_id }) => image_id))],
  )
}
