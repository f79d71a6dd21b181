import { matchContentHash } from '@pharos/service-kit'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { principalFor } from '../inventory/__tests__/reads-harness.js'
import { type Edition, matchContent, matchesIn, type PlacedPackage, recordOf, reportIn } from './__tests__/fleet-world.js'
import { createRematches, type Rematches } from './__tests__/rematch-harness.js'
import { openMatches, storedState } from './__tests__/stored-state.js'

let rematched: Rematches
let rescanned: Rematches
beforeAll(async () => {
  rematched = await createRematches()
  rescanned = await createRematches()
})
afterAll(async () => {
  await rematched.inventory.results.close()
  await rescanned.inventory.results.close()
})

const admin = principalFor(null)

const names = ['alpha', 'beta', 'gamma', 'delta', 'omega'] as const
const recordCount = 6

const record = fc.record({
  severity: fc.constantFrom('critical' as const, 'high' as const, 'medium' as const, 'low' as const, 'unknown' as const),
  risk: fc.integer({ min: 0, max: 20 }).map((risk) => risk / 2),
  epss: fc.constantFrom(0.01, 0.09, 0.2, 0.9),
  isKev: fc.boolean(),
  hasCve: fc.boolean(),
})
const packageMatches = fc.uniqueArray(
  fc.record({
    record: fc.integer({ min: 0, max: recordCount - 1 }),
    fixState: fc.constantFrom('fixed' as const, 'not-fixed' as const),
    fixVersion: fc.constantFrom('1', '2'),
  }),
  { selector: (found) => found.record, maxLength: 4 },
)
const edition: fc.Arbitrary<Edition> = fc.record({
  records: fc.array(record, { minLength: recordCount, maxLength: recordCount }),
  matches: fc.record(Object.fromEntries(names.map((name) => [name, packageMatches]))) as fc.Arbitrary<Edition['matches']>,
})
/** The next edition: of the former one with some of its parts changed, as databases change. */
const nextOf = (former: Edition): fc.Arbitrary<Edition> =>
  fc
    .record({ other: edition, records: fc.subarray([...former.records.keys()]), packages: fc.subarray([...names]) })
    .map(({ other, records, packages }) => ({
      records: former.records.map((facts, number) => (records.includes(number) ? (other.records[number] ?? facts) : facts)),
      matches: Object.fromEntries(names.map((name) => [name, packages.includes(name) ? matchesIn(other, name) : matchesIn(former, name)])),
    }))
const editions = edition.chain((former) => nextOf(former).map((next) => ({ former, next })))

const placed: fc.Arbitrary<PlacedPackage> = fc.record({
  name: fc.constantFrom(...names),
  place: fc.constantFrom('/var/lib/dpkg/status', '/opt/a', '/opt/b'),
  hasInput: fc.boolean().map(() => true),
})
const image = fc.uniqueArray(placed, { selector: ({ name, place }) => `${name} ${place}`, minLength: 1, maxLength: 5 })
const imageNames = ['shop', 'cart', 'blog', 'mail'] as const
const fleet = fc.dictionary(fc.constantFrom(...imageNames), image, { minKeys: 1, maxKeys: 4 })

/** What comes in while packages are matched. */
const meanwhile = fc.array(
  fc.record({ at: fc.constantFrom('before' as const, 'staged' as const), image: fc.constantFrom(...imageNames), packages: image }),
  { maxLength: 3 },
)

async function bringAndScan(
  world: Rematches,
  former: Edition,
  images: Readonly<Record<string, readonly PlacedPackage[]>>,
): Promise<string> {
  await world.clear()
  const first = await world.bring(1)
  for (const [name, packages] of Object.entries(images)) await world.ingest(reportIn(former, first.id, name, packages))
  return first.id
}

describe('a re-match', () => {
  it('leaves what a scan of each image in the new database leaves, whatever came in meanwhile', async () => {
    await fc.assert(
      fc.asyncProperty(
        editions,
        fleet,
        meanwhile,
        fc.boolean(),
        fc.boolean(),
        async ({ former, next }, images, arrivals, isNarrowed, isKeyed) => {
          const firstId = await bringAndScan(rematched, former, images)
          // A re-match that changes nothing leaves the keys by which the next one chooses.
          if (isKeyed) {
            await rematched.service.create({ engine: 'grype', full: true }, admin)
            await rematched.finish(former, null)
          }
          const otherFirstId = await bringAndScan(rescanned, former, images)
          const second = await rematched.bring(2)
          expect(second.state).toBe('matching')
          const current: Record<string, readonly PlacedPackage[]> = { ...images }
          const arrive = async (at: 'before' | 'staged'): Promise<void> => {
            for (const { image: name, packages } of arrivals.filter((arrival) => arrival.at === at)) {
              await rematched.ingest(reportIn(former, firstId, name, packages))
              await rescanned.ingest(reportIn(former, otherFirstId, name, packages))
              current[name] = packages
            }
          }
          await arrive('before')
          await rematched.workAll(next, isNarrowed ? former : null)
          await arrive('staged')
          await rematched.finish(next, isNarrowed ? former : null)

          await rescanned.query(`update database_generation set state = 'retired' where state = 'active'`)
          await rescanned.query(`delete from package_input`)
          const otherSecond = await rescanned.bring(2)
          expect(otherSecond.state).toBe('active')
          for (const [name, packages] of Object.entries(current)) await rescanned.ingest(reportIn(next, otherSecond.id, name, packages))

          expect(await storedState(rematched)).toEqual(await storedState(rescanned))
          const seen = new Set([...Object.values(images), ...arrivals.map(({ packages }) => packages)].flat().map(({ name }) => name))
          const expected = [...seen].flatMap((name) =>
            matchesIn(next, name).map((found) => ({
              name,
              native_id: recordOf(next, found.record).nativeId,
              content_hash: matchContentHash(matchContent(found)),
            })),
          )
          const order = (one: { name: string; native_id: string }): string => `${one.name} ${one.native_id}`
          expect(await openMatches(rematched)).toEqual(expected.sort((one, other) => (order(one) < order(other) ? -1 : 1)))
        },
      ),
      { numRuns: 20, endOnFailure: true },
    )
  }, 600_000)
})
