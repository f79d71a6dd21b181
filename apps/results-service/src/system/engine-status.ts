import type { EngineCapability, SystemStatus } from '@pharos/contracts'

/** One line for each engine and version that the workers have; an engine that no worker has says why. */
export function engineStatusOf(workers: readonly { readonly engines: readonly EngineCapability[] }[]): SystemStatus['engines'] {
  const found = new Map<string, SystemStatus['engines'][number]>()
  for (const { engine, version, available, reason } of workers.flatMap((worker) => worker.engines)) {
    const key = JSON.stringify([engine, version, available])
    const entry = found.get(key)
    if (entry === undefined) found.set(key, { engine, version, workers: 1, available, reason })
    else entry.workers += 1
  }
  return [...found.values()].sort(
    (left, right) => left.engine.localeCompare(right.engine) || Number(right.available) - Number(left.available),
  )
}
