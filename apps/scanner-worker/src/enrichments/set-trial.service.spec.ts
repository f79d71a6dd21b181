import type { EnricherProblem } from '@pharos/contracts'
import { describe, expect, it } from 'vitest'
import type { WorkerConfiguration } from '../configuration.js'
import type { EnricherSandbox } from './enricher-sandbox.js'
import type { EnricherSets } from './enricher-sets.js'
import { SetTrialService, type ValidateWork } from './set-trial.service.js'

const timeout = { file: 'team.star', message: 'timeout: the script takes longer than 5000 ms' }
const syntax = { file: 'team.star', line: 1, message: 'syntax: got newline' }

/** Answers of the engines, one a call. */
async function problemsOf(...answers: EnricherProblem[][]): Promise<readonly EnricherProblem[]> {
  const validate = () => Promise.resolve(answers.shift() ?? [])
  const sandbox = { runner: () => Promise.resolve({ validate }) } as unknown as EnricherSandbox
  const configuration = { enrichers: { allowInternal: false } } as unknown as WorkerConfiguration
  const work = {
    files: [
      { path: 'enricher.yaml', content: 'enricher:\n  - {name: starlark, config: team.star}\n' },
      { path: 'team.star', content: 'def enrich(input):\n    return {}\n' },
    ],
    source: null,
  } as unknown as ValidateWork
  const results = await new SetTrialService(sandbox, {} as EnricherSets, configuration).validate(work)
  return results.kind === 'validate' ? results.problems : []
}

describe('the check of a set', () => {
  it('takes a time-out for a mistake only when it comes again', async () => {
    expect(await problemsOf([timeout], [])).toEqual([])
    expect(await problemsOf([timeout], [timeout], [])).toEqual([timeout])
  })

  it('takes any other mistake at its word', async () => {
    expect(await problemsOf([syntax], [])).toEqual([syntax])
  })
})
