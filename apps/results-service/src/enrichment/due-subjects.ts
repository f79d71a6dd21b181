import type { Transaction } from '../database/transaction.js'
import { plainArray } from '../ingest/array-parameter.js'

/** Kinds of subjects. */
export const subjectKinds = { image: 0, submitted: 1, workload: 2 } as const

/** SQL expression: the key of a workload as a subject of its image. Its parts are ASCII and together shorter than an index's key. */
export function workloadKey(alias: string): string {
  return `(${['cluster', 'namespace', 'kind', 'name', 'container'].map((column) => `${alias}.${column}`).join(` || '/' || `)})`
}

/** SQL expression: hash over what enrichers see of a workload's own. */
function workloadFacts(alias: string): string {
  return `md5(${alias}.id::text || '/' || ${alias}.reference || '/' || coalesce(${alias}.owner, '') || '/' || ${alias}.labels::text)::uuid`
}

const isAnySetActive = `exists (select from enricher_set a where a.state = 'active')`

/** A subject that is due already stays so; one that a worker holds, who may have read it before, is to be done again. */
const onceMore = `on conflict (subject_id) where run_id is null do update set is_repeat = true where enrichment_work.chunk_id is not null`

/** The subjects of images and workloads that lack, or whose workload has changed. `images` and `workloads` limit them, as SQL. */
function missingSubjects({ images, workloads }: { images: string | null; workloads: string }): string {
  const ofImages = `
    select i.id as image_id, ${subjectKinds.image} as kind, '' as key, null::text as cluster, null::bigint as workload_id, null::uuid as facts_hash
      from image i where ${images ?? 'false'} and not exists (select from enrichment_subject s where s.image_id = i.id and s.kind = ${subjectKinds.image})
    union all
    select i.id, ${subjectKinds.submitted}, c.key, null, null, null from image i join image_context c on c.digest = i.digest
     where ${images ?? 'false'} and not exists (select from enrichment_subject s where s.image_id = i.id and s.kind = ${subjectKinds.submitted} and s.key = c.key)
    union all`
  return `
    insert into enrichment_subject as e (image_id, kind, key, cluster, workload_id, facts_hash)
    ${images === null ? '' : ofImages}
    select n.* from (
      select distinct on (w.image_id, ${workloadKey('w')}) w.image_id, ${subjectKinds.workload}, ${workloadKey('w')} as key, w.cluster, w.id, ${workloadFacts('w')} as facts_hash
        from workload w where w.until is null and w.image_id is not null and ${workloads} order by w.image_id, ${workloadKey('w')}, w.id desc) n
     where not exists (select from enrichment_subject s where s.image_id = n.image_id and s.kind = ${subjectKinds.workload} and s.key = n.key and s.facts_hash = n.facts_hash)
    on conflict (image_id, kind, key) do update set workload_id = excluded.workload_id, facts_hash = excluded.facts_hash
      where e.facts_hash is distinct from excluded.facts_hash
    returning id`
}

/** What a report says of an image concerns all its subjects: makes those that lack, and all of them due. */
export async function imageChanged(tx: Transaction, digest: string): Promise<void> {
  const ofImage = 'image_id = (select g.id from image g where g.digest = $1)'
  await tx.query(missingSubjects({ images: 'i.digest = $1', workloads: `w.${ofImage}` }), [digest])
  await tx.query(
    `insert into enrichment_work (subject_id) select s.id from enrichment_subject s where s.${ofImage} and ${isAnySetActive} order by s.id ${onceMore}`,
    [digest],
  )
}

/** Findings or scores of these images have moved; null is all images. However often that happens, each subject is due once. */
export async function imagesMoved(tx: Transaction, imageIds: readonly number[] | null): Promise<void> {
  await tx.query(
    `insert into enrichment_work (subject_id) select s.id from enrichment_subject s where ($1::int8[] is null or s.image_id = any ($1::int8[])) and ${isAnySetActive} order by s.id ${onceMore}`,
    [imageIds === null ? null : plainArray(imageIds)],
  )
}

/**
 * A stored result has answered a task: subjects that lack are made and due, such as those of workloads that were linked by it, and
 * so are those of the submitted contexts that have changed.
 */
export async function imageAnswered(tx: Transaction, digest: string, changedKeys: readonly string[]): Promise<void> {
  const workloads = 'w.image_id = (select g.id from image g where g.digest = $1)'
  await tx.query(
    `with made as (${missingSubjects({ images: 'i.digest = $1', workloads })})
     insert into enrichment_work (subject_id) select id from made where ${isAnySetActive} order by id ${onceMore}`,
    [digest],
  )
  if (changedKeys.length === 0) return
  await tx.query(
    `insert into enrichment_work (subject_id)
     select s.id from enrichment_subject s join image i on i.id = s.image_id
      where i.digest = $1 and s.kind = ${subjectKinds.submitted} and s.key = any ($2::text[]) and ${isAnySetActive} order by s.id ${onceMore}`,
    [digest, [...changedKeys]],
  )
}

/** What runs in a cluster has changed: subjects follow it, and new and changed ones are due. */
export async function clusterChanged(tx: Transaction, cluster: string): Promise<void> {
  await shareActivation(tx)
  await tx.query(
    `with changed as (${missingSubjects({ images: null, workloads: 'w.cluster = $1' })})
     insert into enrichment_work (subject_id) select id from changed where ${isAnySetActive} order by id ${onceMore}`,
    [cluster],
  )
  await tx.query(
    `delete from enrichment_subject s where s.cluster = $1
        and not exists (select from workload w where w.id = s.workload_id and w.until is null and w.image_id = s.image_id)`,
    [cluster],
  )
}

/** Makes the subjects of all images and workloads that lack. */
export async function followAll(tx: Transaction): Promise<void> {
  await tx.query(missingSubjects({ images: 'true', workloads: 'true' }))
}

/** Key of the advisory lock between an activation, which looks for all subjects, and what makes some of them outside of an ingest. */
const activationLock = 7_236_451_120

/** Holds off activations until the end of the transaction. */
async function shareActivation(tx: Transaction): Promise<void> {
  await tx.query('select pg_advisory_xact_lock_shared($1)', [activationLock])
}

/** Waits for whoever makes subjects, and lets nobody begin until the end of the transaction. */
export async function holdActivation(tx: Transaction): Promise<void> {
  await tx.query('select pg_advisory_xact_lock($1)', [activationLock])
}
