import { Injectable } from '@nestjs/common'
import type { EngineName, RematchUnit, RematchVulnerability } from '@pharos/contracts'
import { rows } from '../database/sql.js'
import type { Transaction } from '../database/transaction.js'
import { plainArray } from '../ingest/array-parameter.js'
import { engineCode } from '../inventory/column-codes.js'
import { originalText } from '../inventory/stored-text.js'

/** What workers are given: packages as the engine described them, and vulnerabilities to describe again. */
@Injectable()
export class RematchInputs {
  /** Packages with what is stored of their matches. One whose input is gone is left out. */
  async units(tx: Transaction, engine: EngineName, packageIds: readonly number[]): Promise<RematchUnit[]> {
    const found = await rows<{ id: string; input: string; open: string | null }>(
      tx,
      `select i.package_id as id, i.input, m.open from package_input i
         left join lateral (select string_agg(v.key_hash || ' ' || m.content_hash, ',') as open from package_match m join vulnerability v on v.id = m.vulnerability_id
                             where m.package_id = i.package_id and m.engine = $2 and m.is_open) m on true
        where i.package_id = any ($1::int8[]) order by i.package_id`,
      [plainArray(packageIds), engineCode(engine)],
    )
    return found.map(({ id, input, open }) => ({ id: Number(id), input: originalText(input), open: pairsOf(open) }))
  }

  /** Whether of any package it is not known what it is searched for by, under the rules of the version. */
  async lackKeys(tx: Transaction, packageIds: readonly number[], version: string): Promise<boolean> {
    const found = await rows(
      tx,
      'select from unnest($1::int8[]) i where not exists (select from package_search s where s.package_id = i and s.version = $2) limit 1',
      [plainArray(packageIds), version],
    )
    return found.length > 0
  }

  async vulnerabilities(tx: Transaction, ids: readonly number[]): Promise<RematchVulnerability[]> {
    const found = await rows<{ id: string; native_id: string; namespace: string; content_hash: string }>(
      tx,
      'select id, native_id, namespace, content_hash from vulnerability where id = any ($1::int8[]) order by id',
      [plainArray(ids)],
    )
    return found.map((row) => ({
      id: Number(row.id),
      nativeId: originalText(row.native_id),
      namespace: originalText(row.namespace),
      contentHash: row.content_hash,
    }))
  }
}

function pairsOf(text: string | null): [string, string][] {
  if (text === null) return []
  return text.split(',').map((pair): [string, string] => {
    const [key = '', hash = ''] = pair.split(' ')
    return [key, hash]
  })
}
