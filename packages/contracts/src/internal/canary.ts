import { z } from 'zod'
import { defineSchema } from '../schema.js'

/** A package with a vulnerability that every sound database knows: what a new database is tried on before it judges the fleet. */
export const CanaryExpectation = z.object({
  package: z.string().min(1).describe('What the package is called in messages'),
  version: z.string().min(1),
  input: z.record(z.string(), z.unknown()).describe('The package as a match unit of the scan engine: what matchers read of it'),
  nativeId: z.string().min(1).describe('Id of the vulnerability, as the engine names it'),
  namespace: z.string().min(1).describe('Source of the advisory, as the engine names it, e.g. debian:distro:debian:12'),
})
export type CanaryExpectation = z.infer<typeof CanaryExpectation>

/** A file of expectations, for databases that do not hold what the built-in ones ask for. Each of them must come out. */
export const Canary = defineSchema(
  'Canary',
  z.object({ expectations: z.array(CanaryExpectation).min(1).max(1000) }).describe('Packages that must match on a new database'),
  {
    expectations: [
      {
        package: 'lodash',
        version: '4.17.20',
        input: { v: 1, package: { type: 'npm', name: 'lodash', version: '4.17.20', language: 'javascript' } },
        nativeId: 'GHSA-35jh-r3h4-6jhm',
        namespace: 'github:language:javascript',
      },
    ],
  },
)
export type Canary = z.infer<typeof Canary>
