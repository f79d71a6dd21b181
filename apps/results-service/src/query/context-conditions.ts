import { contextFieldPrefix, type FilterComparison } from '@pharos/contracts'
import { subjectKinds, workloadKey } from '../enrichment/due-subjects.js'
import { storedText } from '../inventory/stored-text.js'
import { type ConditionContext, textCondition } from './field-conditions.js'
import type { SqlCondition } from './sql-condition.js'

/** A value may be one of several, in contexts of several subjects: `!=` means that none of them is it. */
function labelled(
  context: ConditionContext,
  comparison: FilterComparison,
  ofSubject: (subject: string, row: string) => string,
): SqlCondition {
  const isNegated = comparison.operator === '!='
  const name = context.parameters.add(storedText(comparison.field.slice(contextFieldPrefix.length)), 'text')
  const value = textCondition(context, isNegated ? { ...comparison, operator: '=' } : comparison, (alias) => `${alias}.value`)
  return (row) =>
    `${isNegated ? 'not ' : ''}exists (select from context_label cl join enrichment_subject cs on cs.id = cl.subject_id where cl.name = ${name} and ${value('cl')} and ${ofSubject('cs', row)})`
}

/** A condition on the id of an image: a context of its own, a submitted one, or one of a workload that runs it and that the caller may see. */
export function contextOfImage(context: ConditionContext, comparison: FilterComparison, visibleWorkload: SqlCondition): SqlCondition {
  return labelled(
    context,
    comparison,
    (subject, id) =>
      `${subject}.image_id = ${id} and (${subject}.kind <> ${subjectKinds.workload} or exists (select from workload cw where cw.id = ${subject}.workload_id and ${visibleWorkload('cw')}))`,
  )
}

/** A condition on a row of workload: what was made of the workload itself. */
export function contextOfWorkload(context: ConditionContext, comparison: FilterComparison): SqlCondition {
  return labelled(
    context,
    comparison,
    (subject, row) =>
      `${subject}.image_id = ${row}.image_id and ${subject}.kind = ${subjectKinds.workload} and ${subject}.key = ${workloadKey(row)}`,
  )
}
