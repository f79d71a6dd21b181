import { startPostgres } from '@pharos/test-kit'
import { describe, expect, it } from 'vitest'
import { createDataSource } from '../data-source.js'
import { rows } from '../sql.js'
import { CreateFindings1790000000102 } from './1790000000102-create-findings.js'
import { CreateImages1790000000100 } from './1790000000100-create-images.js'
import { CreateVulnerabilities1790000000101 } from './1790000000101-create-vulnerabilities.js'
import { MoveRiskToScores1790000000200 } from './1790000000200-move-risk-to-scores.js'

describe('the migration that moves risk to scores', () => {
  it('keeps the greatest risk of the open findings of each vulnerability, and takes the percentile out of its score', async () => {
    const postgres = await startPostgres()
    const { url } = await postgres.createDatabase()
    const dataSource = await createDataSource({ url, poolSize: 2 }).initialize()
    const runner = dataSource.createQueryRunner()
    try {
      for (const migration of [CreateImages1790000000100, CreateVulnerabilities1790000000101, CreateFindings1790000000102])
        await new migration().up(runner)
      await runner.query(`insert into vulnerability_score (vulnerability_id, epss, body) values
        (1, 0.25, '{"epss":{"probability":0.25,"percentile":0.9,"date":null},"kev":null}'), (2, null, '{"epss":null,"kev":null}'),
        (3, 0.5, '{"epss":{"probability":0.5,"percentile":0.9,"date":"\\u0000"},"kev":null}')`)
      await runner.query(`insert into finding (id, image_id, occurrence, package_id, vulnerability_id, match_id, first_seen_at, risk, engine, severity, fix_state, is_kev, is_open)
        select gen_random_uuid(), 1, gen_random_uuid(), 1, v, 1, now(), r, 1, 4, 1, false, o
          from (values (1, 3.5, true), (1, 7.25, true), (1, 90, false), (2, 1, true), (4, 12.5, true)) as t(v, r, o)`)
      await new MoveRiskToScores1790000000200().up(runner)
      expect(
        await rows(dataSource.manager, 'select vulnerability_id::int as id, risk, epss, percentile from vulnerability_score order by 1'),
      ).toEqual([
        { id: 1, risk: 7.25, epss: 0.25, percentile: 0.9 },
        { id: 2, risk: 1, epss: null, percentile: null },
        { id: 3, risk: 0, epss: 0.5, percentile: null },
        { id: 4, risk: 12.5, epss: null, percentile: null },
      ])
      expect(await rows(dataSource.manager, 'select from finding where is_suppressed')).toEqual([])
    } finally {
      await runner.release()
      await dataSource.destroy()
      await postgres.close()
    }
  })
})
