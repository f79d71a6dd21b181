import { Injectable } from '@nestjs/common'
import type { ResolvedImage } from '@pharos/contracts'
import { affected } from '../database/sql.js'
import type { Transaction } from '../database/transaction.js'
import { resolvedImageId } from './resolved-image-sql.js'

/** Keeps the images that workloads lead to. */
@Injectable()
export class WorkloadLinks {
  /**
   * Links the workloads that run an image which has just been stored, by whichever of its digests they were observed. Costs
   * an index look-up when nobody waits for it. Returns how many containers were linked.
   */
  link(tx: Transaction, { digest, configDigest }: Pick<ResolvedImage, 'digest' | 'configDigest'>): Promise<number> {
    return affected(
      tx,
      `update workload w set image_id = ${resolvedImageId('w.digest', 'w.platform')}
        where w.until is null and w.image_id is null
          and w.digest = any (array(select index_digest from image_index where manifest_digest = $1::text) || array_remove(array[$1::text, $2::text], null))
          and ${resolvedImageId('w.digest', 'w.platform')} is not null`,
      [digest, configDigest],
    )
  }
}
