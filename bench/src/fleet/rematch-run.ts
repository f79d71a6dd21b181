import { readFile } from 'node:fs/promises'
import { DatabaseGeneration, DatabaseGenerationPage, Rematch, RematchPage } from '@pharos/contracts'
import { pollUntil } from '@pharos/service-kit'
import type { Suite } from '../pharos-suite.js'
import { cpuMs } from '../process-usage.js'

/** What a re-match took. */
export interface RematchFigures {
  /** From the moment at which the database began to be matched, or the request was answered, until the switch was visible. */
  wallMs: number
  /** From the upload's end: the database is tried by the engine before it is matched. By hand the same as `wallMs`. */
  sinceUploadMs: number
  /** CPU time of each process in that time, its engines included. */
  cpu: { name: string; ms: number }[]
  rematch: Rematch
}

const longestMs = 60 * 60_000

/** Uploads a database; the time counts from when it is accepted, until the fleet is judged by it. */
export async function rematchByDatabase(suite: Suite, archivePath: string): Promise<RematchFigures> {
  const { gateway } = suite
  const bytes = await readFile(archivePath)
  const query = 'engine=grype&allowOlder=true&source=fleet'
  const { id } = await gateway.call('POST', `/databases:import?${query}`, DatabaseGeneration, { bytes })
  const uploadedMs = performance.now()
  await pollUntil(async () => ((await stateOf(suite, id)) === 'candidate' ? undefined : true), {
    timeoutMs: longestMs,
    intervalMs: 20,
    what: 'the database to be checked',
  })
  const judgedMs = performance.now() - uploadedMs
  const figures = await measure(suite, (rematch) => rematch.generationId === id)
  return { ...figures, sinceUploadMs: judgedMs + figures.wallMs }
}

/** Matches the fleet again in the database that it is judged by. */
export async function rematchByHand(suite: Suite, isFull: boolean): Promise<RematchFigures> {
  const { id } = await suite.gateway.call('POST', '/rematches', Rematch, { json: { engine: 'grype', full: isFull } })
  return measure(suite, (rematch) => rematch.id === id)
}

async function measure(suite: Suite, isOurs: (rematch: Rematch) => boolean): Promise<RematchFigures> {
  const cpuBefore = suite.processes.map(({ pid }) => cpuMs([pid]))
  const beganMs = performance.now()
  const rematch = await pollUntil(
    async () => {
      const { items } = await suite.gateway.call('GET', '/rematches?engine=grype&limit=10', RematchPage)
      const found = items.find(isOurs)
      if (found?.state === 'abandoned') throw new Error(`the re-match was abandoned: ${found.problem ?? 'no reason'}`)
      return found?.state === 'done' ? found : undefined
    },
    { timeoutMs: longestMs, intervalMs: 50, what: 'the re-match to end' },
  )
  const wallMs = performance.now() - beganMs
  return {
    wallMs,
    sinceUploadMs: wallMs,
    cpu: suite.processes.map(({ name, pid }, position) => ({ name, ms: cpuMs([pid]) - (cpuBefore[position] ?? 0) })),
    rematch,
  }
}

async function stateOf(suite: Suite, id: string): Promise<string> {
  const { items } = await suite.gateway.call('GET', '/databases?engine=grype&limit=50', DatabaseGenerationPage)
  const found = items.find((generation) => generation.id === id)
  if (found === undefined || found.state === 'refused') throw new Error(`the database was refused: ${found?.problem ?? 'no reason'}`)
  return found.state === 'uploading' ? 'candidate' : found.state
}

/** Waits until all processes together use less than a tenth of a core for three seconds: what was queued has been worked off, and what is left are looks for work. */
export async function untilIdle(suite: Suite): Promise<void> {
  let [quiet, before] = [0, cpuMs(suite.pids)]
  await pollUntil(
    async () => {
      const now = cpuMs(suite.pids)
      quiet = now - before < 100 ? quiet + 1 : 0
      before = now
      return quiet >= 3 ? true : undefined
    },
    { timeoutMs: longestMs, intervalMs: 1000, what: 'the services to be idle' },
  )
}
