import { Agent, request } from 'node:http'
import { BatchOutcome } from '@pharos/contracts'
import { findTool } from '@pharos/test-kit'
import { Gateway } from './gateway.js'
import { printMachineFacts } from './machine-facts.js'
import { readSizes } from './options.js'
import { type Suite, startSuite } from './pharos-suite.js'
import { milliseconds, perSecond, printTable, quantile, seconds, verdict } from './print.js'
import { cpuMs } from './process-usage.js'

const sizes = readSizes('Submit: tasks that the gateway accepts, one by one and in a batch. No worker runs.', {
  seconds: { default: 20, description: 'Seconds of single submits' },
  concurrency: { default: 32, description: 'Kept connections, each with one submit under way' },
  batch: { default: 10_000, description: 'Images of the batch' },
  batches: { default: 3, description: 'Batches, one after another' },
})

/** Singles before the measured ones: both services have compiled their hot code by then. */
const warmUpMs = 3_000
const services = ['api-gateway', 'results-service', 'postgresql', 'redis'] as const

async function main(): Promise<void> {
  const isPinned = findTool('taskset') !== undefined
  const suite = await startSuite({
    services: ['results-service', 'api-gateway'],
    ...(isPinned ? { pinned: 'api-gateway' as const } : {}),
    // One caller sends everything here; the limits have a test of their own.
    environment: { 'api-gateway': { PHAROS_RATE_LIMIT: '1000000', PHAROS_RATE_BURST: '1000000' } },
  })
  try {
    await printMachineFacts(suite.settings.databaseUrl)
    console.log(
      `gateway: ${isPinned ? 'bound to one core' : 'not bound to a core (no taskset)'}, rate limit raised; the load comes from this process on the same machine`,
    )
    const token = await suite.gateway.createToken('scanner')
    await singles(suite, token)
    await batches(suite, token)
  } finally {
    await suite.close()
  }
}

async function singles(suite: Suite, token: string): Promise<void> {
  await submitFor(suite, token, warmUpMs)
  const before = services.map((name) => cpuMs([suite.pidOf(name)]))
  const { latenciesMs, wallMs } = await submitFor(suite, token, sizes.seconds * 1000)
  const count = latenciesMs.length
  printTable(`single submits with an API token, ${sizes.concurrency} at once, kept connections`, [
    ['accepted', 'wall', 'rate', 'p50', 'p99', ...services.map((name) => `CPU ${name}`)],
    [
      count,
      seconds(wallMs),
      perSecond(count, wallMs),
      milliseconds(quantile(latenciesMs, 0.5)),
      milliseconds(quantile(latenciesMs, 0.99)),
      ...services.map((name, index) => `${((cpuMs([suite.pidOf(name)]) - (before[index] ?? 0)) / count).toFixed(2)} ms each`),
    ],
  ])
  console.log(`  ${verdict(count / (wallMs / 1000) >= 500, 'at least 500 /s')}`)
}

async function submitFor(suite: Suite, token: string, durationMs: number): Promise<{ latenciesMs: number[]; wallMs: number }> {
  const agent = new Agent({ keepAlive: true, maxSockets: sizes.concurrency })
  const latenciesMs: number[] = []
  const beganMs = performance.now()
  let next = 0
  const lane = async (): Promise<void> => {
    while (performance.now() - beganMs < durationMs) {
      const sentMs = performance.now()
      await submitOne(agent, suite, token, `registry.example/team/image-${next}:v1`)
      latenciesMs.push(performance.now() - sentMs)
      next += 1
    }
  }
  await Promise.all(Array.from({ length: sizes.concurrency }, lane))
  const wallMs = performance.now() - beganMs
  agent.destroy()
  return { latenciesMs, wallMs }
}

function submitOne(agent: Agent, { settings }: Suite, token: string, image: string): Promise<void> {
  const body = JSON.stringify({ image, priority: 'ci' })
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        agent,
        host: '127.0.0.1',
        port: settings.ports.gateway,
        method: 'POST',
        path: '/api/v1/scans',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
      },
      (answer) => {
        answer
          .resume()
          .once('end', () =>
            answer.statusCode === 202 ? resolve() : reject(new Error(`a submit was answered ${answer.statusCode ?? 'not at all'}`)),
          )
      },
    )
    sent.once('error', reject).end(body)
  })
}

async function batches(suite: Suite, token: string): Promise<void> {
  const gateway = new Gateway(suite.gateway.address, token)
  const walls: number[] = []
  for (let batch = 0; batch < sizes.batches; batch += 1) {
    const items = Array.from({ length: sizes.batch }, (_value, index) => `registry.example/batch-${batch}/image-${index}:v1`)
    const beganMs = performance.now()
    const outcome = await gateway.call('POST', '/scans:batch', BatchOutcome, { json: { items } })
    walls.push(performance.now() - beganMs)
    if (outcome.accepted !== items.length) throw new Error(`only ${outcome.accepted} of ${items.length} were accepted`)
  }
  printTable(`one batch of ${sizes.batch} images`, [
    ['batch', 'wall', 'rate'],
    ...walls.map((wallMs, index) => [index + 1, seconds(wallMs), perSecond(sizes.batch, wallMs)]),
  ])
  console.log(`  slowest ${verdict(Math.max(...walls) <= (sizes.batch / 10_000) * 3_000, `${((sizes.batch / 10_000) * 3).toFixed(1)} s`)}`)
}

await main()
