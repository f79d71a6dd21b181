import { Injectable } from '@nestjs/common'
import type { EngineOutcome } from '@pharos/contracts'
import { affected, oneRow } from '../database/sql.js'
import type { Transaction } from '../database/transaction.js'
import { openMatchHash } from './open-match-hash.js'
import { unitStates } from './rematch-staging.js'

/** From which generation to which the results of images go. */
export interface ImageSwitch {
  readonly rematchId: string
  readonly engineCode: number
  /** See RematchRow. */
  readonly keysVersion: string | null
  /** The generation that the fleet was judged by. */
  readonly judgedGenerationId: string
  readonly generationId: string
  readonly database: NonNullable<EngineOutcome['database']>
  /** Version of the matcher; null when several have matched: then results keep the version that they were made with. */
  readonly engineVersion: string | null
}

/** Moves the results of images to the generation that now judges them, and finds what came in meanwhile. */
@Injectable()
export class SwitchImages {
  /**
   * Fills the temporary table `late_package`: packages that were not judged, or whose open matches have changed since they were
   * compared. One that no difference touches matches the same in both databases, whatever a scan has stored since: it is judged.
   * Returns how many, and whether vulnerabilities came in that no scores were asked for.
   */
  async findLate(
    tx: Transaction,
    input: { rematchId: string; engineCode: number; lastVulnerabilityId: number; keysVersion: string | null },
  ): Promise<{ packages: number; hasScores: boolean }> {
    await tx.query(
      `create temp table late_package on commit drop as
       select i.package_id from package_input i where not exists (select from rematch_unit u where u.rematch_id = $1 and u.package_id = i.package_id)
          and not exists (select from package_search s where s.package_id = i.package_id and s.version = $2)
       union all
       select u.package_id from rematch_unit u
         left join (${openMatchHash(String(input.engineCode), `exists (select from rematch_unit u where u.rematch_id = $1 and u.package_id = m.package_id and u.state = ${unitStates.matched})`)}) h
           on h.package_id = u.package_id
        where u.rematch_id = $1 and u.state = ${unitStates.matched} and u.open_hash <> coalesce(h.hash, 0)`,
      [input.rematchId, input.keysVersion],
    )
    const row = await oneRow<{ packages: number; has_scores: boolean }>(
      tx,
      `select (select count(*)::int from late_package) as packages,
              exists (select from vulnerability v where v.id > $1 and exists (select from package_match m where m.vulnerability_id = v.id and m.engine = $2)) as has_scores`,
      [input.lastVulnerabilityId, input.engineCode],
    )
    return { packages: row?.packages ?? 0, hasScores: row?.has_scores ?? false }
  }

  async count(tx: Transaction): Promise<number> {
    const row = await oneRow<{ images: number }>(tx, 'select count(*)::int as images from image')
    return row?.images ?? 0
  }

  /** What is late once more is left to scans. */
  async leaveLate(tx: Transaction, rematchId: string): Promise<void> {
    await tx.query(
      `insert into rematch_unit (rematch_id, package_id, state, open_hash) select $1, package_id, ${unitStates.failed}, 0 from late_package
       on conflict (rematch_id, package_id) do update set state = excluded.state`,
      [rematchId],
    )
  }

  /**
   * Complete results of the former generation whose packages were all matched are results of the new one. The others keep the
   * generation that they were made in, and are scanned again.
   */
  async move(tx: Transaction, input: ImageSwitch): Promise<{ covered: number; rescanned: number }> {
    await tx.query(
      `create temp table uncovered_package on commit drop as
       select p.id as package_id from package p where not exists (select from package_input i where i.package_id = p.id)
       union
       select package_id from rematch_unit where rematch_id = $1 and state = ${unitStates.failed}`,
      [input.rematchId],
    )
    await tx.query('analyze uncovered_package')
    await tx.query(
      `create temp table uncovered_image on commit drop as
       select distinct p.image_id from uncovered_package u join image_package p on p.package_id = u.package_id and p.is_present`,
    )
    await tx.query('analyze uncovered_image')
    const covered = await affected(
      tx,
      `update image_engine_result r set generation_id = $3, database = $4, engine_version = coalesce($5, engine_version)
        where engine = $1 and has_good_result and status = 'complete' and generation_id = $2 and not exists (select from uncovered_image x where x.image_id = r.image_id)`,
      [input.engineCode, input.judgedGenerationId, input.generationId, JSON.stringify(input.database), input.engineVersion],
    )
    const left = await oneRow<{ images: number }>(
      tx,
      'select count(*)::int as images from image_engine_result where engine = $1 and has_good_result and generation_id is distinct from $2',
      [input.engineCode, input.generationId],
    )
    return { covered, rescanned: left?.images ?? 0 }
  }
}
