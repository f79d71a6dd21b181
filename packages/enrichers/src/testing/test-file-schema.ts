import { z } from 'zod'
import { EnricherName } from '../format/format-schema.js'

const map = z.record(z.string(), z.unknown())

const ExpectedError = z.strictObject({
  kind: z.enum(['syntax', 'contract', 'runtime', 'steps', 'timeout', 'memory', 'stack', 'output', 'input', 'network', 'crash']),
  line: z.int().min(1).optional(),
  message: z.string().optional(),
})

const TestCase = z
  .strictObject({
    name: z.string().min(1),
    now: z.iso.datetime({ offset: true }).optional(),
    sample: z.string().optional(),
    payload: map.optional(),
    meta: map.optional(),
    prints: z.array(z.string()).optional(),
    expect: map.optional(),
    expectError: ExpectedError.optional(),
  })
  .refine((one) => (one.expect === undefined) !== (one.expectError === undefined), 'say either what you expect or what expectError')
export type TestCase = z.infer<typeof TestCase>

/**
 * `*.test.yaml` beside an enricher. The payload of a case is the built-in sample, or the payload in the file that `sample` names, or
 * nothing with `sample: none`; `payload` is laid over it, maps into maps, lists as they are. `meta` replaces what file steps read, by ref.
 */
export const EnricherTestFile = z.strictObject({
  enricher: EnricherName.optional(),
  cases: z.array(TestCase).min(1, 'there must be a case'),
})
export type EnricherTestFile = z.infer<typeof EnricherTestFile>
