import { ListImagesQuery, QueryFindings, QueryPackages, QueryWorkloads } from '@pharos/contracts'
import { FakeClock } from '@pharos/service-kit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createResultsDatabase, type ResultsDatabase } from '../database/__tests__/results-database.js'
import { encodeCursor, type KeysetValue } from '../database/keyset.js'
import { createQueries } from '../inventory/__tests__/queries-harness.js'
import { principalFor } from '../inventory/__tests__/reads-harness.js'

let results: ResultsDatabase
let queries: ReturnType<typeof createQueries>
const everything = principalFor(null)
const uuid = '01a2b3c4-0000-4000-8000-000000000000'

beforeAll(async () => {
  results = await createResultsDatabase()
  queries = createQueries(results.database, new FakeClock(new Date('2026-11-24T08:00:00.000Z')))
})
afterAll(() => results.close())

type Ask = (sort: string, values: KeysetValue[]) => Promise<unknown>

/** Asks a list behind a cursor that its seal fits. */
const lists: Readonly<Record<'findings' | 'images' | 'packages' | 'workloads', Ask>> = {
  findings: (sort, values) =>
    queries.findings.query(
      QueryFindings.parse({ sort, cursor: encodeCursor({ list: 'findings', sort: JSON.stringify([undefined, '', sort]) }, values) }),
      everything,
    ),
  images: (sort, values) =>
    queries.images.list(
      ListImagesQuery.parse({ sort, cursor: encodeCursor({ list: 'images', sort: JSON.stringify([sort, undefined, '']) }, values) }),
      everything,
    ),
  packages: (sort, values) =>
    queries.packages.list(
      QueryPackages.parse({ sort, cursor: encodeCursor({ list: 'fleet-packages', sort: JSON.stringify([sort, '']) }, values) }),
      everything,
    ),
  workloads: (sort, values) =>
    queries.workloads.list(
      QueryWorkloads.parse({ sort, cursor: encodeCursor({ list: 'fleet-workloads', sort: JSON.stringify([sort, '']) }, values) }),
      everything,
    ),
}

describe('a cursor that somebody made up', () => {
  it.each([
    ['findings', '-risk', [1, '1', '1', uuid]],
    ['findings', '-epss', [0.5, '1', '1', uuid]],
    ['findings', '-severity', [5, '1', '1', uuid]],
    ['findings', '-firstSeen', ['2026-01-01 00:00:00.123456+00', uuid]],
    ['images', '-risk', [99.5, '1']],
    ['images', '-lastScanned', ['1970-01-01 00:00:00+00', '1']],
    ['images', 'digest', ['sha256:a', '1']],
    ['packages', 'name', ['a', '1']],
  ] as const)(
    'of %s in the order "%s" is taken when it could be one, and refused with any value of another type',
    async (list, sort, right) => {
      await expect(lists[list](sort, ['next', ...right])).resolves.toMatchObject({ items: [] })
      for (const [at, value] of right.entries())
        for (const wrong of ['x\0', '9223372036854775808', 1e300, -1.5, null, true, {}].filter(
          (one) => typeof one !== typeof value || one === 'x\0',
        )) {
          const values = ['next', ...right] as KeysetValue[]
          values[at + 1] = wrong as KeysetValue
          // A number may stand where another number does, and a negative one too.
          if (typeof value === 'number' && wrong === -1.5) continue
          await expect(lists[list](sort, values), JSON.stringify(values)).rejects.toMatchObject({ code: 'cursor-invalid' })
        }
    },
  )

  it('of a workload that is not known is refused', async () => {
    for (const id of ['1', 'x', null]) await expect(lists.workloads('name', ['next', id])).rejects.toMatchObject({ code: 'cursor-invalid' })
  })

  it('tells a direction that there is', async () => {
    await expect(lists.packages('name', ['sideways', 'a', '1'])).rejects.toMatchObject({ code: 'cursor-invalid' })
  })
})
