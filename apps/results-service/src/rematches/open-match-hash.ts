/**
 * SQL: package_id and a hash over its open matches, for packages that have any. It changes with each match that opens, ends or
 * says something else; the order of rows plays no part.
 */
export function openMatchHash(engine: string, condition: string): string {
  return `select m.package_id, bit_xor(hashtextextended(m.id || ' ' || m.content_hash, 0)) as hash from package_match m
           where m.is_open and m.engine = ${engine}::int2 and ${condition} group by m.package_id`
}
