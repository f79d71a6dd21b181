import type { MigrationInterface, QueryRunner } from 'typeorm'

/** Which image another is built on. */
export class CreateBaseImages1790000000281 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    // prefix_hash: the upper 128 bits of the SHA-256 of an image's first `depth` diff ids, joined by commas. An image is built on
    // another when the other's whole chain is a prefix of its own.
    await runner.query(`
      create table image_layer_prefix (
        image_id bigint not null,
        depth smallint not null,
        prefix_hash uuid not null,
        is_whole boolean not null,
        primary key (image_id, depth)
      )`)
    await runner.query('create index image_layer_prefix_hash on image_layer_prefix (prefix_hash, is_whole)')
    await runner.query(`
      create table image_base (
        image_id bigint primary key,
        -- null while the image that the annotation names is not stored
        base_image_id bigint,
        -- as annotated
        base_reference text,
        base_digest text,
        -- layers of the base at the bottom of the image; null when they are not known, or are others than the annotated base's
        layer_count smallint,
        source text not null check (source in ('annotation', 'prefix'))
      )`)
    await runner.query('create index image_base_children on image_base (base_image_id) where base_image_id is not null')
    await runner.query('create index image_base_awaited on image_base (base_digest) where base_image_id is null')

    await runner.query(`
      insert into image_layer_prefix (image_id, depth, prefix_hash, is_whole)
      select i.id, d.position, left(encode(sha256(convert_to(string_agg(d.id, ',') over (partition by i.id order by d.position), 'UTF8')), 'hex'), 32)::uuid,
             d.position = json_array_length(i.diff_ids)
        from image i cross join lateral json_array_elements_text(i.diff_ids) with ordinality as d(id, position)
       where i.diff_ids::text ~ '^\\[("sha256:[0-9a-f]{64}",? ?)+\\]$'
       order by 1, 2`)
    await runner.query(`
      insert into image_base (image_id, base_image_id, layer_count, source)
      select distinct on (p.image_id) p.image_id, b.image_id, p.depth, 'prefix'
        from image_layer_prefix p join image_layer_prefix b on b.prefix_hash = p.prefix_hash and b.is_whole
       where not p.is_whole order by p.image_id, p.depth desc, b.image_id`)
  }

  down(): Promise<void> {
    return Promise.reject(new Error('migrations go forward only'))
  }
}
