import { type Change, ChangePage, ChangesQuery } from '@pharos/contracts'
import { pollUntil } from '@pharos/service-kit'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { newId } from '../database/identifier.js'
import { createHistory, type History } from '../history/__tests__/history-harness.js'
import {
  debPackage,
  digestOf,
  engineReport,
  match,
  resolvedImage,
  scanReport,
  simpleReport,
  vulnerability,
} from '../ingest/__tests__/report-builder.js'
import { FilterCompiler } from '../query/filter-compiler.js'
import { FilterSets } from '../query/filter-sets.js'
import { changeCursor, changePosition } from './change-cursor.js'
import { ChangeNews } from './change-news.js'
import { ChangesRepository } from './changes.repository.js'
import { ChangesService } from './changes.service.js'

const dayMs = 24 * 3_600_000
let history: History
let changes: ChangesService
beforeAll(async () => {
  history = await createHistory()
  const { database } = history.inventory.results
  const { clock } = history.inventory
  const repository = new ChangesRepository(
    database,
    new FilterCompiler(new FilterSets(database, clock), database, { scans: { databaseMaxAgeMs: 1 } } as never, clock),
  )
  const configuration = { upkeep: { eventRetentionMs: 30 * dayMs }, history: { horizonMs: 400 * dayMs } }
  changes = new ChangesService(repository, new ChangeNews(repository, clock), configuration as never, clock)
})
beforeEach(() => history.inventory.clear())
afterAll(() => history.inventory.results.close())

type Scope = readonly string[] | null

async function read(query: Partial<ChangesQuery>, scope: Scope = null, signal = new AbortController().signal): Promise<ChangePage> {
  return ChangePage.parse(await changes.read(ChangesQuery.parse(query), scope, signal))
}

/** Everything behind a cursor, in pages, and the cursor of the end. */
async function readAll(
  cursor: string,
  query: Partial<ChangesQuery> = {},
  scope: Scope = null,
): Promise<{ items: Change[]; cursor: string }> {
  const items: Change[] = []
  for (let next = cursor; ; ) {
    const page = await read({ limit: 2, ...query, cursor: next }, scope)
    items.push(...page.items)
    next = page.nextCursor
    if (!page.hasMore) return { items, cursor: next }
  }
}

/** The same, once there are so many: transactions of other databases on the server hold back what may be read, too. */
async function readSome(
  count: number,
  cursor: string,
  query: Partial<ChangesQuery> = {},
  scope: Scope = null,
): Promise<{ items: Change[]; cursor: string }> {
  const items: Change[] = []
  let next = cursor
  await pollUntil(async () => {
    const all = await readAll(next, query, scope)
    items.push(...all.items)
    next = all.cursor
    return items.length >= count
  })
  return { items, cursor: next }
}

const textOf = (change: Change): string =>
  change.subject === 'finding' ? `${change.change} ${change.vulnerability} (${change.cause})` : `image ${change.change}`

/** A transaction that writes events of a finding and commits when it is told to. */
async function openWriter(finding: { id: string; image_id: string }, generation: string): Promise<() => Promise<void>> {
  const released = deferred()
  const written = deferred()
  const committed = history.inventory.results.database.inTransaction(async (tx) => {
    await tx.query(
      `insert into finding_event (finding_id, image_id, kind, cause, run_id, at, generation_id) select $1, $2, 'changed', 'database', $3, $4, $3 from generate_series(1, 2)`,
      [finding.id, finding.image_id, generation, history.inventory.clock.now()],
    )
    written.resolve()
    await released.promise
  })
  await written.promise
  return async () => {
    released.resolve()
    await committed
  }
}

function deferred(): { readonly promise: Promise<void>; resolve(): void } {
  let settle = (): void => undefined
  const promise = new Promise<void>((resolve) => {
    settle = resolve
  })
  return { promise, resolve: () => settle() }
}

/** Moves the clock on until the promise is settled. */
async function advanceUntil(promise: Promise<unknown>, stepMs: number): Promise<void> {
  let isSettled = false
  void promise.finally(() => {
    isSettled = true
  })
  await pollUntil(async () => {
    await history.inventory.clock.advance(stepMs)
    return isSettled
  })
}

const firstFinding = async () =>
  (await history.inventory.query<{ id: string; image_id: string }>('select id, image_id from finding order by id limit 1'))[0]!

describe('the change feed', () => {
  it('begins now, and tells what engines and people changed since', async () => {
    await history.ingest(simpleReport('a', ['tar'], ['CVE-1']))
    const { items, nextCursor } = await read({})
    expect(items).toEqual([])
    await history.ingest(simpleReport('a', ['tar'], ['CVE-2']))
    await history.decide([(await firstFinding()).id], 'accepted')
    const all = await readSome(4, nextCursor)
    expect(all.items.map(textOf).sort()).toEqual([
      'appeared CVE-2 (scan)',
      expect.stringMatching(/^decided CVE-[12] \(decision\)$/),
      'gone CVE-1 (scan)',
      'image scanned',
    ])
    expect(all.items).toContainEqual(
      expect.objectContaining({
        change: 'gone',
        image: digestOf('a'),
        before: { severity: 'high', fixState: 'fixed', kev: false },
        after: null,
      }),
    )
    expect((await readAll(all.cursor)).items).toEqual([])
  })

  it('says of which engines a result is the first, whose findings are not told one by one', async () => {
    const { nextCursor } = await read({})
    await history.ingest(simpleReport('a', ['tar'], ['CVE-1']))
    await history.ingest(simpleReport('a', ['tar'], ['CVE-1']))
    expect((await readSome(2, nextCursor)).items).toMatchObject([
      { subject: 'image', change: 'scanned', image: digestOf('a'), firstResults: ['grype'] },
      { subject: 'image', change: 'scanned', firstResults: [] },
    ])
  })

  it('skips and repeats nothing while writers commit out of order', async () => {
    await history.ingest(simpleReport('a', ['tar'], ['CVE-1']))
    const finding = await firstFinding()
    let cursor = (await read({})).nextCursor
    const seen: (string | null)[] = []
    const readOn = async (): Promise<void> => {
      const all = await readAll(cursor, { limit: 3 })
      cursor = all.cursor
      seen.push(...all.items.flatMap((item) => (item.subject === 'finding' ? [item.generationId] : [])))
    }
    const expected: string[] = []
    for (let round = 0; round < 8; round += 1) {
      const generations = Array.from({ length: 5 }, () => newId())
      expected.push(...generations, ...generations)
      const commits = []
      for (const generation of generations) commits.push(await openWriter(finding, generation))
      for (const position of [3, 0, 4, 1, 2]) {
        await commits[position]!()
        await readOn()
      }
    }
    await pollUntil(async () => {
      await readOn()
      return seen.length >= expected.length
    })
    expect(seen).toHaveLength(expected.length)
    expect([...seen].sort()).toEqual([...expected].sort())
  })

  it('shows nothing that an older transaction might still write in front of', async () => {
    const start = (await read({})).nextCursor
    await history.ingest(simpleReport('a', ['tar'], ['CVE-1']))
    const { cursor } = await readSome(1, start)
    const finding = await firstFinding()
    const slow = await openWriter(finding, newId())
    const fast = await openWriter(finding, newId())
    await fast()
    const held = await readAll(cursor)
    expect(held.items).toEqual([])
    await slow()
    expect((await readSome(4, held.cursor)).items).toHaveLength(4)
  })

  it('shows what the scope and the filter let see', async () => {
    const { nextCursor } = await read({})
    const other = resolvedImage('b', { reference: { registry: 'registry.example', repository: 'team-b/b', tag: 'v1' } })
    for (const ids of [['CVE-1'], ['CVE-2', 'CVE-3']]) {
      await history.ingest(simpleReport('a', ['tar'], ids))
      await history.ingest({ ...simpleReport('b', ['tar'], ids), image: other })
    }
    const teamB = (await readSome(5, nextCursor, {}, ['registry.example/team-b/%'])).items
    expect(new Set(teamB.map(({ image }) => image))).toEqual(new Set([digestOf('b')]))
    expect(teamB).toHaveLength(5)
    expect((await readAll(nextCursor, {}, [])).items).toEqual([])
    const one = (await readSome(6, nextCursor, { filter: 'vulnerability = CVE-1' })).items
    expect(one.map(textOf).sort()).toEqual(['gone CVE-1 (scan)', 'gone CVE-1 (scan)', ...Array.from({ length: 4 }, () => 'image scanned')])
    expect((await readAll(nextCursor, { filter: 'severity = low' })).items).toEqual([])
  })

  it('tells once what does not fit the filter any more, by whatever change it left', async () => {
    const rated = (severity: 'high' | 'low' | 'medium', packages = ['tar']) =>
      scanReport('a', {
        packages: packages.map((name) => debPackage(name)),
        engines: [
          engineReport({ vulnerabilities: [vulnerability('CVE-1', { severity })], matches: packages.map((_name, at) => match(at, 0)) }),
        ],
      })
    const toldOf = (cursor: string, filter: string, count: number) =>
      readSome(count, cursor, { filter }).then(({ items }) =>
        items.flatMap((change) => (change.subject === 'finding' ? [`${change.change}${change.left === true ? ', left' : ''}`] : [])),
      )
    await history.ingest(rated('high'))
    const { nextCursor } = await read({})
    await history.ingest(rated('low'))
    await history.ingest(rated('medium'))
    const { id } = await firstFinding()
    await history.decide([id], 'accepted')
    await history.decide([id], null)
    await history.ingest(rated('medium', []))
    // Everything is there to be read once the last change is.
    expect(await toldOf(nextCursor, 'package.name = tar', 5)).toEqual(['changed', 'changed', 'decided', 'decided', 'gone'])
    expect((await readAll(nextCursor, { filter: 'severity >= high' })).items).toMatchObject([
      { change: 'changed', left: true, before: { severity: 'high' } },
    ])
    expect(await toldOf(nextCursor, 'severity = low', 1)).toEqual(['changed, left'])
    expect(await toldOf(nextCursor, 'status = accepted', 1)).toEqual(['decided, left'])
    expect(await toldOf(nextCursor, 'suppressed = true', 1)).toEqual(['decided, left'])
    // What was read of it then, before and after the changes that were not read yet, counts: not what it is now.
    expect(await toldOf(nextCursor, 'severity >= high and state = open and suppressed = false', 1)).toEqual(['changed, left'])
    expect(await toldOf(nextCursor, 'severity = medium and status = new and state = open', 2)).toEqual(['decided, left', 'gone, left'])
    expect(new Set(await toldOf(nextCursor, 'state = open', 1))).toEqual(new Set(['changed, left', 'decided, left', 'gone, left']))
  })

  it('tells of a removed image those who might have seen it', async () => {
    await history.ingest(simpleReport('a', ['tar'], ['CVE-1']))
    const { nextCursor } = await read({})
    await history.inventory.results.database.inTransaction(async (tx) => {
      await tx.query('delete from image')
      await history.events.append(tx, [{ type: 'image.removed', digest: digestOf('a'), repositories: ['registry.example/team-a/a'] }])
    })
    expect((await readSome(1, nextCursor, {}, ['registry.example/team-a/%'])).items).toMatchObject([
      { change: 'removed', image: digestOf('a') },
    ])
    expect((await readAll(nextCursor, {}, ['registry.example/team-b/%'])).items).toEqual([])
    expect((await readAll(nextCursor)).items).toHaveLength(1)
  })

  it('answers who waits as soon as there is a change, and with nothing when the time is over', async () => {
    const { clock } = history.inventory
    const start = (await read({})).nextCursor
    await history.ingest(simpleReport('a', ['tar'], ['CVE-1']))
    const { cursor } = await readSome(1, start)
    const answered = read({ cursor, wait: '30s' })
    await pollUntil(() => clock.sleeping >= 2)
    await (await openWriter(await firstFinding(), newId()))()
    await advanceUntil(answered, 100)
    const page = await answered
    expect(page.items.map(textOf)).toEqual(['changed CVE-1 (database)', 'changed CVE-1 (database)'])
    const idle = read({ cursor: page.nextCursor, wait: '20s' })
    await advanceUntil(idle, 5000)
    expect((await idle).items).toEqual([])
    const hangUp = new AbortController()
    const given = read({ cursor: page.nextCursor, wait: '30s' }, null, hangUp.signal)
    hangUp.abort()
    await advanceUntil(given, 500)
    expect((await given).items).toEqual([])
  })

  it.each([
    ['older than the changes that are kept', (cursor: string) => ({ ...changePosition(cursor), at: new Date('2026-10-01') })],
    ['of another database', (cursor: string) => ({ ...changePosition(cursor), xid: '9999999999' })],
  ])('refuses a cursor %s, and says how to begin anew', async (_sentence, spoil) => {
    const cursor = changeCursor(spoil((await read({})).nextCursor))
    await expect(read({ cursor })).rejects.toMatchObject({ code: 'cursor-expired', detail: expect.stringContaining('/export') })
  })

  it.each([
    ['a cursor from elsewhere', { cursor: 'eyJ4Ijox.abc' }, 'cursor-invalid'],
    ['too long a wait', { wait: '31s' }, 'request-invalid'],
    ['a filter that does not parse', { filter: 'kev = maybe' }, 'filter-invalid'],
  ])('refuses %s', async (_sentence, query, code) => {
    await expect(read(query)).rejects.toMatchObject({ code })
  })
})
