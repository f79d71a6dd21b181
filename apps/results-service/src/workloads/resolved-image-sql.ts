/**
 * SQL expression: the id of the stored image that runs where `digest` was observed on a node of `platform`, or null. The digest
 * is of a manifest, of a configuration, or of an index: then the platform decides, and where only the variant of the
 * processor is not told, its newest.
 */
export function resolvedImageId(digest: string, platform: string): string {
  const family = (column: string) => `split_part(${column}, '/', 1) || '/' || split_part(${column}, '/', 2)`
  return `coalesce(
    (select i.id from image i where i.digest = ${digest}),
    (select i.id from image_index x join image i on i.digest = x.manifest_digest
      where x.index_digest = ${digest} and ${family('x.platform')} = ${family(platform)}
      order by x.platform = ${platform} desc, x.platform desc, i.id limit 1),
    (select i.id from image i where i.config_digest = ${digest} order by i.platform = ${platform} desc, i.id limit 1))`
}
