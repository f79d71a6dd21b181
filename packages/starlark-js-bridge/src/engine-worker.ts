import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { EngineInstance, type InstanceEvents } from './engine-instance.js'
import { causeOfDeath } from './cause-of-death.js'
import type { WorkerJob, WorkerMessage, WorkerSetup } from './worker-protocol.js'

/** The entry of a worker thread: one instance waits for the next job, so that making it costs no run. */

const setup = workerData as WorkerSetup
const encoder = new TextEncoder()

function tell(message: WorkerMessage): void {
  parentPort?.postMessage(message)
}

const events: InstanceEvents = {
  print: (chain, line) => tell({ type: 'print', chain, line }),
  finish: (chain, result, output, ms) => tell({ type: 'finish', chain, result, output, ms }),
  fetch: (request) => {
    if (setup.http === undefined) return encoder.encode(JSON.stringify({ error: 'no network for this script' }))
    const signal = new Int32Array(setup.http.signal)
    Atomics.store(signal, 0, 0)
    setup.http.port.postMessage(request)
    Atomics.wait(signal, 0, 0)
    const answer = receiveMessageOnPort(setup.http.port) as { message: Uint8Array } | undefined
    return answer?.message ?? encoder.encode(JSON.stringify({ error: 'the answer got lost' }))
  },
}

let instance = new EngineInstance(setup.module, setup.memoryMb, setup.seed, events)

parentPort?.on('message', (job: WorkerJob) => {
  try {
    instance.run(job)
  } catch (error) {
    tell({ type: 'died', death: { ...causeOfDeath(error, instance.errorText), at: instance.running } })
    return
  }
  tell({ type: 'done' })
  try {
    instance = new EngineInstance(setup.module, setup.memoryMb, setup.seed, events)
  } catch (error) {
    tell({ type: 'died', death: causeOfDeath(error, '') })
    return
  }
  tell({ type: 'ready' })
})
tell({ type: 'ready' })
