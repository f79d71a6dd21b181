import type { FindingPage, FleetWorkloadPage, ImagePage, Principal } from '@pharos/contracts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { admin, scoped } from '../__tests__/results-app.js'
import { digestOf, resolvedImage, simpleReport } from '../ingest/__tests__/report-builder.js'
import { FilterCompiler } from '../query/filter-compiler.js'
import { SqlParameters } from '../query/sql-parameters.js'
import { filterOf } from '@pharos/contracts'
import { createEnrichment, type EnrichmentWorld } from './__tests__/enrichment-harness.js'

let world: EnrichmentWorld
const names = new Map<string, string>()
beforeAll(async () => {
  world = await createEnrichment()
  await world.activate(['owner'])
  for (const [name, repository] of [
    ['web', 'team-a/web'],
    ['db', 'team-a/db'],
    ['old', 'team-b/old'],
  ] as const) {
    names.set(digestOf(name), name)
    await world.scan(
      {
        ...simpleReport(name, ['openssl'], ['CVE-1']),
        image: resolvedImage(name, { reference: { registry: 'registry.example', repository, tag: 'v1' } }),
      },
      name === 'old' ? { context: { cost: 'c-7' } } : undefined,
    )
  }
  await world.app.request({
    method: 'PUT',
    url: '/api/v1/workloads/clusters/eu',
    principal: admin,
    payload: {
      sequence: 1,
      observedAt: new Date().toISOString(),
      isComplete: true,
      workloads: [
        {
          namespace: 'shop',
          kind: 'Deployment',
          name: 'web',
          container: 'main',
          image: 'registry.example/team-a/web:v1',
          imageId: digestOf('web'),
        },
        // Somebody else runs the same image under a name of his own.
        {
          namespace: 'lab',
          kind: 'Job',
          name: 'try',
          container: 'main',
          image: 'registry.example/team-b/copy:v1',
          imageId: digestOf('web'),
        },
      ],
    },
  })
  await world.workAll(({ Image, ScanTask }) => {
    if (Image.ManifestDigest === digestOf('old')) return { owner: 'it broke' }
    const { namespace } = ScanTask.context
    return {
      owner: {
        team: typeof namespace === 'string' ? `run by ${namespace}` : 'platform',
        tags: ['x', Image.ManifestDigest === digestOf('web') ? 'y' : 'z'],
        tier: 1,
      },
    }
  })
})
afterAll(() => world.close())

const ask = async <T>(list: string, filter: string, principal: Principal): Promise<T> => {
  const answer = await world.call('GET', `/${list}?filter=${encodeURIComponent(filter)}&count=true`, undefined, principal)
  if (answer.status !== 200) throw new Error(JSON.stringify(answer.body))
  return answer.body as T
}
const images = async (filter: string, principal = admin) =>
  (await ask<ImagePage>('images', filter, principal)).items.map(({ digest }) => names.get(digest)).sort()
const findings = async (filter: string, principal = admin) =>
  (await ask<FindingPage>('findings', filter, principal)).items.map(({ image }) => names.get(image?.digest ?? '')).sort()
const workloads = async (filter: string, principal = admin) =>
  (await ask<FleetWorkloadPage>('workloads', filter, principal)).items.map(({ name }) => name).sort()

describe('a filter by a value of a context', () => {
  it.each([
    ['context.owner.team = platform', ['db', 'web']],
    ['context.owner.tags = y', ['web']],
    ['context.owner.tier = 1', ['db', 'web']],
    ['context.owner.team ~ "run by*"', ['web']],
    ['context.owner.team in ("run by lab", nobody)', ['web']],
    ['context.owner.tags != y', ['db', 'old']],
    ['context.owner.team = platform and context.owner.tags = z', ['db']],
    ['not context.owner.team = platform', ['old']],
    ['context.submit.cost = c-7', ['old']],
    ['context.owner.unheard-of = 1', []],
    ['context.owner.team = platform and vulnerability = CVE-1', ['db', 'web']],
  ])('%s finds images and their findings', async (filter, expected) => {
    expect(await images(filter)).toEqual(expected)
    expect(await findings(filter)).toEqual(expected)
  })

  it('finds workloads by what was made of themselves', async () => {
    expect(await workloads('context.owner.team = "run by shop"')).toEqual(['web'])
    expect(await workloads('context.owner.team = platform')).toEqual([])
    expect(await workloads('context.owner.team != "run by shop"')).toEqual(['try'])
    const { items } = await ask<FleetWorkloadPage>('workloads', 'context.owner.tags = y', admin)
    expect(items.map(({ name, contexts }) => [name, contexts?.['owner']?.['team']]).sort()).toEqual([
      ['try', 'run by lab'],
      ['web', 'run by shop'],
    ])
  })

  it('tells nobody what was made of workloads that he may not see', async () => {
    const team = scoped('registry.example/team-a/*')
    expect(await images('context.owner.team = "run by shop"', team)).toEqual(['web'])
    expect(await images('context.owner.team = "run by lab"', team)).toEqual([])
    expect(await findings('context.owner.team = "run by lab"', team)).toEqual([])
    expect(await images('context.submit.cost = c-7', team)).toEqual([])
    expect(await workloads('context.owner.tags = y', team)).toEqual(['web'])
  })

  it('reads the index of values, not all contexts', async () => {
    await world.app.query(
      `insert into image (digest, media_type, platform, size_bytes, layers, annotations)
       select 'sha256:' || encode(sha256(n::text::bytea), 'hex'), 'm', 'linux/amd64', 1, '[]', '{}' from generate_series(1, 5000) n`,
    )
    await world.app.query(`insert into enrichment_subject (image_id, kind, key) select id, 0, '' from image on conflict do nothing`)
    await world.app.query(
      `insert into context_label select s.id, 'owner.team', 'team-' || s.id % 500 from enrichment_subject s on conflict do nothing`,
    )
    await world.app.query('analyze image, enrichment_subject, context_label')
    for (const filter of ['context.owner.team = team-7', 'context.owner.team in (team-7, team-8)', 'context.owner.team ~ "team-77*"']) {
      const parameters = new SqlParameters()
      const { condition } = await world.app.get(FilterCompiler).compile(filterOf(filter, 'images'), 'images', parameters, null)
      const [sql, values] = parameters.bind(`explain select i.id from image i where ${condition('i')} order by i.id limit 50`)
      const plan = (await world.app.query<{ 'QUERY PLAN': string }>(sql, values)).map((row) => row['QUERY PLAN']).join('\n')
      expect([filter, plan]).toEqual([filter, expect.stringMatching(/context_label_(value|pkey)/)])
      expect([filter, plan]).toEqual([filter, expect.not.stringContaining('Seq Scan on context_label')])
    }
  })
})
