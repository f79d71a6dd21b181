import { Injectable } from '@nestjs/common'
import type { DecisionStatus, Role, VexTrustRule } from '@pharos/contracts'
import { type DecisionRow, decisionColumns } from '../decisions/decision-facts.js'
import { oneRow, rows, type SqlRunner } from '../database/sql.js'
import type { Transaction } from '../database/transaction.js'
import { idsOfImage } from '../findings/finding-identity.js'
import { plainArray } from '../ingest/array-parameter.js'
import { originalText } from '../inventory/stored-text.js'
import type { ImageNames } from './image-identity.js'
import type { StatementProduct } from './statement-matching.js'
import type { StatementOrigin } from './vex-trust.js'

/** A finding and a statement that names its vulnerability. */
export interface Candidate {
  readonly findingId: string
  readonly imageId: number
  readonly packageId: number
  readonly purl: string | null
  readonly statementId: string
  readonly documentId: string
}

/** A statement as matching needs it. */
export interface StoredStatement {
  readonly id: string
  readonly documentId: string
  readonly status: DecisionStatus
  readonly products: readonly StatementProduct[]
  readonly origin: StatementOrigin
}

/** That a statement is about a finding. */
export interface VexMatch {
  readonly findingId: string
  readonly statementId: string
  readonly imageId: number
  readonly isTrusted: boolean
}

/** A match as it is stored. `isCurrent`: the finding is open and the statement in force, so matching says whether it still holds. */
export interface StoredMatch extends VexMatch {
  readonly isCurrent: boolean
  readonly isInForce: boolean
}

/** A finding whose decision by VEX is another one than the statements ask for. */
export interface DecisionDue {
  finding_id: string
  /** What decides now; null when nothing does any more. */
  next:
    | (Omit<DecisionRow, 'version' | 'source' | 'until' | 'decided_at' | 'statement_id'> & { statement_id: number; document_id: string })
    | null
}

/** SQL condition: an alias that names the same vulnerability. An advisory's CVEs do not when it has several: they only find it. */
const isName = (alias: string): string => `(${alias}.is_member or ${alias}.alias not like 'CVE-%')`

/** The distribution of an image, e.g. `debian 12`; its row tells it only when its first report is stored, its packages before. */
const distro = `coalesce(i.distro, (select regexp_replace(p.distro, ':', ' ') from image_package o join package p on p.id = o.package_id where o.image_id = i.id and p.distro is not null limit 1))`

/** Reads and writes which statements are about which findings. */
@Injectable()
export class VexMatchesRepository {
  /** Waits for whoever changes the statements in force, and keeps them as they are until the end of the transaction. */
  async holdStatements(tx: Transaction): Promise<void> {
    await tx.query('select pg_advisory_xact_lock_shared(7236451120)')
  }

  /** Whether anything can come of these images at all. */
  async occasions(tx: Transaction, imageIds: readonly number[]): Promise<{ statements: boolean; decisions: boolean; matches: boolean }> {
    const row = await oneRow<{ statements: boolean; decisions: boolean; matches: boolean }>(
      tx,
      `select exists (select from vex_statement) as statements, exists (select from finding_decision where image_id = any ($1::int8[])) as decisions,
              exists (select from vex_match where image_id = any ($1::int8[])) as matches`,
      [plainArray(imageIds)],
    )
    return row ?? { statements: false, decisions: false, matches: false }
  }

  async trustRules(runner: SqlRunner): Promise<VexTrustRule[] | null> {
    return (await oneRow<{ rules: VexTrustRule[] }>(runner, 'select rules from vex_trust'))?.rules ?? null
  }

  /** Open findings of the images, each with the statements in force that name its vulnerability. */
  async candidates(tx: Transaction, imageIds: readonly number[]): Promise<Candidate[]> {
    const found = await rows<{
      finding_id: string
      image_id: string
      package_id: string
      purl: string | null
      statement_id: string
      document_id: string
    }>(
      tx,
      `select distinct f.id as finding_id, f.image_id, f.package_id, p.purl, s.id as statement_id, s.document_id
         from image i join finding f on ${idsOfImage('f.id', 'i.digest')} and f.image_id = i.id and f.is_open
         join vulnerability v on v.id = f.vulnerability_id join vulnerability_alias a on a.group_id = v.group_id and ${isName('a')}
         join vex_statement_alias sa on sa.alias_hash = a.alias_hash
         join vex_statement s on s.id = sa.statement_id join vex_document c on c.id = s.document_id and c.state <> 'removing'
         join package p on p.id = f.package_id
        where i.id = any ($1::int8[])`,
      [plainArray(imageIds)],
    )
    return found.map((row) => ({
      findingId: row.finding_id,
      imageId: Number(row.image_id),
      packageId: Number(row.package_id),
      purl: row.purl && originalText(row.purl),
      statementId: row.statement_id,
      documentId: row.document_id,
    }))
  }

  async statements(tx: Transaction, ids: readonly string[]): Promise<StoredStatement[]> {
    const found = await rows<{
      id: string
      document_id: string
      status: DecisionStatus
      products: StatementProduct[]
      author: string | null
      uploaded_by: string
      uploader_roles: Role[]
      repositories: string[] | null
    }>(
      tx,
      `select s.id, s.document_id, s.status, s.products, d.author, d.uploaded_by, d.uploader_roles, d.repositories
         from vex_statement s join vex_document d on d.id = s.document_id where s.id = any ($1::int8[])`,
      [plainArray(ids)],
    )
    return found.map((row) => ({
      id: row.id,
      documentId: row.document_id,
      status: row.status,
      products: row.products,
      origin: {
        author: row.author && originalText(row.author),
        uploadedBy: originalText(row.uploaded_by),
        uploaderRoles: row.uploader_roles,
        repositories: row.repositories?.map(originalText) ?? null,
      },
    }))
  }

  /** What the images are known by. */
  async imageNames(tx: Transaction, imageIds: readonly number[]): Promise<Map<number, ImageNames>> {
    const found = await rows<{
      id: string
      digest: string
      config_digest: string | null
      platform: string
      distro: string | null
      indexes: string[]
      repositories: { name: string; tags: string[] }[]
    }>(
      tx,
      `select i.id, i.digest, i.config_digest, i.platform, ${distro} as distro,
              array(select distinct x.index_digest from image_index x where x.manifest_digest = i.digest) as indexes,
              coalesce((select json_agg(json_build_object('name', r.repository, 'tags', r.tags)) from (
                 select repository, coalesce(array_agg(tag) filter (where until is null and tag <> ''), '{}') as tags
                   from image_reference where image_id = i.id group by repository) r), '[]') as repositories
         from image i where i.id = any ($1::int8[])`,
      [plainArray(imageIds)],
    )
    return new Map(
      found.map((row) => [
        Number(row.id),
        {
          digests: [row.digest, ...(row.config_digest === null ? [] : [row.config_digest]), ...row.indexes],
          platform: originalText(row.platform),
          distro: row.distro && originalText(row.distro),
          repositories: row.repositories.map(({ name, tags }) => ({ name: originalText(name), tags: tags.map(originalText) })),
        },
      ]),
    )
  }

  async matches(tx: Transaction, imageIds: readonly number[]): Promise<StoredMatch[]> {
    const found = await rows<{
      finding_id: string
      statement_id: string
      image_id: string
      is_trusted: boolean
      is_open: boolean | null
      is_in_force: boolean
    }>(
      tx,
      `select m.finding_id, m.statement_id, m.image_id, m.is_trusted, f.is_open, coalesce(d.state <> 'removing', false) as is_in_force
         from vex_match m left join finding f on f.id = m.finding_id
         left join vex_statement s on s.id = m.statement_id left join vex_document d on d.id = s.document_id
        where m.image_id = any ($1::int8[])`,
      [plainArray(imageIds)],
    )
    return found.map((row) => ({
      findingId: row.finding_id,
      statementId: row.statement_id,
      imageId: Number(row.image_id),
      isTrusted: row.is_trusted,
      isCurrent: row.is_open === true && row.is_in_force,
      isInForce: row.is_open !== null && row.is_in_force,
    }))
  }

  async remove(tx: Transaction, matches: readonly VexMatch[]): Promise<void> {
    if (matches.length === 0) return
    await tx.query('delete from vex_match where (finding_id, statement_id) in (select * from unnest($1::uuid[], $2::int8[]))', [
      plainArray(matches.map(({ findingId }) => findingId)),
      plainArray(matches.map(({ statementId }) => statementId)),
    ])
  }

  async put(tx: Transaction, matches: readonly VexMatch[]): Promise<void> {
    if (matches.length === 0) return
    await tx.query(
      `insert into vex_match (finding_id, statement_id, image_id, is_trusted)
       select * from unnest($1::uuid[], $2::int8[], $3::int8[], $4::bool[]) as t(f, s, i, t) order by f, s
       on conflict (finding_id, statement_id) do update set is_trusted = excluded.is_trusted`,
      [
        plainArray(matches.map(({ findingId }) => findingId)),
        plainArray(matches.map(({ statementId }) => statementId)),
        plainArray(matches.map(({ imageId }) => imageId)),
        plainArray(matches.map(({ isTrusted }) => isTrusted)),
      ],
    )
  }

  /** Findings that nobody has decided about and whose newest trusted statement is not the one that decides them now. */
  async decisionsDue(tx: Transaction, imageIds: readonly number[]): Promise<DecisionDue[]> {
    return rows<DecisionDue>(
      tx,
      `with newest as (
         select distinct on (m.finding_id) m.finding_id, s.id as statement_id, s.document_id, s.status, s.justification, s.impact_statement, s.comment, s.response, s.original,
                d.uploaded_by as decided_by
           from vex_match m join vex_statement s on s.id = m.statement_id join vex_document d on d.id = s.document_id
          where m.image_id = any ($1::int8[]) and m.is_trusted and d.state <> 'removing'
          order by m.finding_id, s.at desc, d.uploaded_at desc, d.id desc, s.position desc)
       select coalesce(n.finding_id, c.finding_id) as finding_id, case when n.finding_id is not null then row_to_json(n) end as next
         from newest n full join (select finding_id, source, statement_id from finding_decision where image_id = any ($1::int8[])) c on c.finding_id = n.finding_id
        where c.source is distinct from 'triage' and c.statement_id is distinct from n.statement_id`,
      [plainArray(imageIds)],
    )
  }

  /** Decisions of findings that went up in another finding of the same place and vulnerability, and which one that is. */
  async decisionsToMove(tx: Transaction, imageIds: readonly number[]): Promise<(DecisionRow & { from_id: string; to_id: string })[]> {
    return rows(
      tx,
      `select distinct on (t.id) d.finding_id as from_id, t.id as to_id, ${decisionColumns('d')}
         from finding_decision d join finding f on f.id = d.finding_id join vulnerability v on v.id = f.vulnerability_id
         join vulnerability w on w.group_id = v.group_id
         join finding t on t.vulnerability_id = w.id and t.image_id = f.image_id and t.engine = f.engine and t.occurrence = f.occurrence and t.id <> f.id
         left join finding_decision o on o.finding_id = t.id
        where d.image_id = any ($1::int8[]) and d.source = 'triage' and not f.is_open and t.is_open
          and (o.source is distinct from 'triage' or o.decided_at < d.decided_at)
        order by t.id, d.decided_at desc, d.finding_id`,
      [plainArray(imageIds)],
    )
  }
}
