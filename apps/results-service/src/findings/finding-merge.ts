import { engineCode } from '../inventory/column-codes.js'
import type { SqlCondition } from '../query/sql-condition.js'

/** The path of the first location, as the text of the occurrence's JSON has it; null where no place is told. */
const place = (alias: string): string => String.raw`substring(${alias}.detail::text from '"locations":\[\{"path":"((?:[^"\\]|\\.)*)"')`

/**
 * SQL condition: two findings of one image are of the same package: of the same occurrence, or of the same type, name and
 * version, unless both tell a place and the places differ.
 */
function isSamePackage(one: string, other: string): string {
  return `(${one}.occurrence = ${other}.occurrence or exists (
    select from package sp join package so on so.type = sp.type and so.name = sp.name and so.version = sp.version
     where sp.id = ${one}.package_id and so.id = ${other}.package_id
       and not exists (select from image_package sa, image_package sb where sa.image_id = ${one}.image_id and sa.occurrence = ${one}.occurrence
                          and sb.image_id = ${other}.image_id and sb.occurrence = ${other}.occurrence and ${place('sa')} <> ${place('sb')})))`
}

/** From what other engines report of the same vulnerability and package: `other` is the alias of their finding. */
export function otherReports(alias: string, other: string): string {
  return `vulnerability mv join vulnerability mo on mo.group_id = mv.group_id join finding ${other} on ${other}.vulnerability_id = mo.id
    where mv.id = ${alias}.vulnerability_id and ${other}.image_id = ${alias}.image_id and ${other}.engine <> ${alias}.engine and ${other}.is_open = ${alias}.is_open
      and ${isSamePackage(alias, other)}`
}

/** SQL condition: the finding speaks for what several engines report; it is that of the first engine which fits the filter. */
export function speaksFirst(fitsFilter: SqlCondition): SqlCondition {
  return (alias) =>
    `(${alias}.engine = ${engineCode('grype')} or not exists (select from ${otherReports(alias, 'mf')} and mf.engine < ${alias}.engine and ${fitsFilter('mf')}))`
}
