import { type Edition, type PlacedPackage, reportIn } from './fleet-world.js'
import { type Rematches, resultsOf } from './rematch-harness.js'

/** A record that nothing is remarkable about. */
export const plain = { severity: 'high', risk: 4, epss: 0.05, isKev: false, hasCve: true } as const
/** The database that the fleet is judged by. */
export const first: Edition = {
  records: [plain, plain, plain, plain, plain, plain, plain, plain],
  matches: {
    alpha: [{ record: 0, fixState: 'not-fixed', fixVersion: '' }],
    beta: [{ record: 2, fixState: 'not-fixed', fixVersion: '' }],
    gamma: [{ record: 4, fixState: 'fixed', fixVersion: '1' }],
    delta: [{ record: 6, fixState: 'fixed', fixVersion: '1' }],
  },
}
/** alpha is fixed, beta's vulnerability is gone and another has come, gamma's is rated anew, delta stays. */
export const second: Edition = {
  records: [plain, plain, plain, plain, { ...plain, severity: 'critical', risk: 9 }, plain, { ...plain, risk: 5 }, plain],
  matches: {
    ...first.matches,
    alpha: [{ record: 0, fixState: 'fixed', fixVersion: '2' }],
    beta: [{ record: 7, fixState: 'not-fixed', fixVersion: '' }],
  },
}
/** A package at a place of its own. */
export const at = (name: string, hasInput = true): PlacedPackage => ({ name, place: `/opt/${name}`, hasInput })
export const everything = ['alpha', 'beta', 'gamma', 'delta'].map((name) => at(name))

/** Scans images in the first database, brings the second, and says what both differ in. */
export async function begin(world: Rematches, images: Record<string, readonly PlacedPackage[]> = { shop: everything }, edition = second) {
  const former = await world.bring(1)
  for (const [name, packages] of Object.entries(images)) await world.ingest(reportIn(first, former.id, name, packages))
  const next = await world.bring(2)
  const [running] = await world.running()
  await compare(world, edition)
  return { former, next, id: running?.id ?? '' }
}

/** Delivers what both databases differ in, the first piece of work of a narrowed re-match. */
async function compare(world: Rematches, edition: Edition): Promise<void> {
  const claimed = await world.claim()
  if (claimed?.kind === 'difference') await world.deliver(claimed, resultsOf(claimed, edition, first))
}

/** The state of a generation. */
export async function stateOf({ query }: Rematches, id: string): Promise<unknown> {
  return (await query<{ state: string }>('select state from database_generation where id = $1', [id]))[0]?.state
}

/** A chunk, of which there must be one. */
export async function claimOne(world: Rematches) {
  const claimed = await world.claim()
  if (claimed === null) throw new Error('there is no chunk')
  return claimed
}
