import { expect, it } from 'vitest'
import { environmentName } from '../../packages/service-kit/src/index.ts'
import { servicePlans } from '../../scripts/lib/services.mjs'

// PHAROS_HOME is for every process of a local run, whether it reads it or not.
const key = 'k'.repeat(48)
const plans = servicePlans({
  databaseUrl: 'postgres://pharos@127.0.0.1:5432/pharos',
  redisUrl: 'redis://127.0.0.1:6379',
  adminToken: `phr_${'a'.repeat(12)}_${'b'.repeat(43)}`,
  secrets: {
    serviceKeys: { 'api-gateway': key, 'scanner-worker': key, scheduler: key },
    encryptionKeys: `k1=${Buffer.alloc(32).toString('base64')}`,
  },
  ports: { gateway: 8080, results: 8081, worker: 8082, scheduler: 8083 },
})

it.each([plans.results, ...plans.others].map((plan) => [plan.name, plan]))(
  'npm start gives %s only parameters that it has',
  async (name, plan) => {
    const { configurationDefinition } = await import(`../../apps/${name}/src/configuration.ts`)
    const known = Object.values(configurationDefinition.groups).flatMap((group) =>
      Object.values(group).map((parameter) => environmentName(parameter.flag)),
    )
    const given = Object.keys(plan.environment).filter(
      (variable) => variable.startsWith('PHAROS_') && variable !== 'PHAROS_HOME' && !(variable in process.env),
    )
    expect(given.filter((variable) => !known.includes(variable))).toEqual([])
  },
)
