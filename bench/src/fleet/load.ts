import type { GenerationRef } from '@pharos/contracts'
import type { Suite } from '../pharos-suite.js'
import { cpuMs } from '../process-usage.js'
import type { ReportingWorker } from '../reporting-worker.js'
import type { PackedReport, ReportPack } from './report-pack.js'

/** What loading a fleet took. */
export interface LoadFigures {
  images: number
  wallMs: number
  resultsCpuMs: number
  postgresCpuMs: number
}

/** Tasks that are submitted together. */
const batchSize = 250

/**
 * Loads reports through the real ingest path: images are submitted, and for each a worker claims the task, resolves it and hands
 * the report in. All of that is timed.
 */
export async function loadFleet(
  suite: Suite,
  worker: ReportingWorker,
  pack: ReportPack,
  { parallel, cohort }: { parallel: number; cohort: string },
): Promise<LoadFigures> {
  const cpu = (): [number, number] => [cpuMs([suite.pidOf('results-service')]), cpuMs([suite.pidOf('postgresql')])]
  const [resultsBefore, postgresBefore] = cpu()
  const beganMs = performance.now()
  let images = 0
  for await (const batch of inBatches(pack.reports(), batchSize)) {
    const ids = await suite.gateway.submitAll(
      batch.map(({ reference }) => ({ image: reference })),
      cohort,
    )
    const queue = batch.map((report, position) => ({ report, taskId: ids[position] ?? '' }))
    const lane = async (): Promise<void> => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        const taken = await worker.take(next.taskId, next.report.image)
        await worker.report({ ...taken, body: next.report.body })
      }
    }
    await Promise.all(Array.from({ length: parallel }, lane))
    const decade = Math.floor(images / 1000)
    images += batch.length
    if (Math.floor(images / 1000) > decade) console.log(`  ${images} images after ${((performance.now() - beganMs) / 1000).toFixed(0)} s`)
  }
  const [resultsAfter, postgresAfter] = cpu()
  return {
    images,
    wallMs: performance.now() - beganMs,
    resultsCpuMs: resultsAfter - resultsBefore,
    postgresCpuMs: postgresAfter - postgresBefore,
  }
}

async function* inBatches(reports: AsyncIterable<PackedReport>, size: number): AsyncGenerator<PackedReport[]> {
  let batch: PackedReport[] = []
  for await (const report of reports) {
    batch.push(report)
    if (batch.length < size) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}

/** The active database as a worker is told of it; its id is part of every report. */
export async function activeGeneration(suite: Suite, worker: ReportingWorker): Promise<GenerationRef> {
  const [id] = await suite.gateway.submitAll([{ image: 'registry.example/probe:v1' }], 'probe')
  const { generations } = await worker.claim(id ?? '')
  const found = generations.find(({ engine }) => engine === 'grype')
  if (found === undefined) throw new Error('no database of grype is active')
  await suite.gateway.call('DELETE', `/scans/${id ?? ''}`, { parse: () => undefined })
  return found
}
