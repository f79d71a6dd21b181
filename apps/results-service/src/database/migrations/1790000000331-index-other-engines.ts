import type { MigrationInterface, QueryRunner } from 'typeorm'

/** Vulnerabilities that an engine beside the first one has matched, for lists of its findings. */
export class IndexOtherEngines1790000000331 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    // Engine 1 is Grype: its matches are nearly all, and pay nothing for this.
    await runner.query('create index package_match_other_engines on package_match (vulnerability_id, engine) where engine <> 1')
  }

  down(): Promise<void> {
    return Promise.reject(new Error('migrations go forward only'))
  }
}
