import { Injectable } from '@nestjs/common'
import { type EnricherOutcome, type EnricherProblem, type EnrichmentResults } from '@pharos/contracts'
import {
  type EnricherSet,
  fetchEnricherSource,
  fetchEnricherSources,
  type GitOptions,
  readEnricherFiles,
  samplePayload,
} from '@pharos/enrichers'
import { isInternalAddress } from '@pharos/registry'
import { InjectConfiguration } from '@pharos/service-kit'
import type { WorkerConfiguration } from '../configuration.js'
import { EnricherSandbox } from './enricher-sandbox.js'
import { EnricherSets } from './enricher-sets.js'
import type { ClaimedSubject, EnrichmentWork } from './enrichment.client.js'

export type ValidateWork = Extract<EnrichmentWork, { kind: 'validate' }>
export type TestWork = Extract<EnrichmentWork, { kind: 'test' }>

const mostProblems = 500
const mostWarnings = 100

/** Checks sets before they are kept, and runs them once for somebody who waits. */
@Injectable()
export class SetTrialService {
  constructor(
    private readonly sandbox: EnricherSandbox,
    private readonly sets: EnricherSets,
    @InjectConfiguration() private readonly configuration: WorkerConfiguration,
  ) {}

  /** Every mistake of a set: those of its sources and files, or else those of its scripts, which are compiled and not run. */
  async validate({ files, source }: ValidateWork): Promise<EnrichmentResults> {
    const fetched = source === null ? await fetchEnricherSources(files ?? [], this.git) : await fetchEnricherSource(source, this.git)
    const read = fetched.ok ? await readEnricherFiles(fetched.files) : fetched
    const problems = read.ok ? await this.compile(read.set) : read.problems
    if (!read.ok || problems.length > 0)
      return { kind: 'validate', problems: problems.slice(0, mostProblems), hash: null, enrichers: [], warnings: [], files: null }
    const { set, warnings } = read
    return {
      kind: 'validate',
      problems: [],
      hash: set.hash,
      enrichers: set.enrichers.map(({ name, stepNames }) => ({ name, engines: stepNames })),
      warnings: warnings.slice(0, mostWarnings),
      files: set.files,
    }
  }

  /** One run, whatever rests. */
  async test(
    { set: stored, files, enricher }: TestWork,
    subjects: AsyncGenerator<ClaimedSubject, void, undefined>,
    signal: AbortSignal,
  ): Promise<EnrichmentResults> {
    const first = await subjects.next()
    const payload = first.done === true ? JSON.stringify(samplePayload()) : first.value.payload
    if (stored !== null) return this.tried((await this.sets.get(stored)).set, enricher, payload, signal)
    const read = await readEnricherFiles(files ?? [])
    const problems = read.ok ? await this.compile(read.set) : read.problems
    if (!read.ok || problems.length > 0) return { kind: 'test', problems: problems.slice(0, mostProblems), outcomes: [] }
    return this.tried(read.set, enricher, payload, signal)
  }

  private get git(): GitOptions {
    return this.configuration.enrichers.allowInternal ? {} : { isAddressAllowed: (address) => !isInternalAddress(address) }
  }

  private async compile(set: EnricherSet): Promise<EnricherProblem[]> {
    const runner = await this.sandbox.runner()
    const problems = await runner.validate(set)
    // The engines' first run is slow on a busy machine: a time-out is a mistake of the set only when it comes again.
    return problems.some(({ message }) => message.startsWith('timeout: ')) ? runner.validate(set) : problems
  }

  private async tried(set: EnricherSet, enricher: string | null, payload: string, signal: AbortSignal): Promise<EnrichmentResults> {
    const runner = await this.sandbox.runner()
    const outcomes: EnricherOutcome[] = await runner.run(set, payload, signal)
    return { kind: 'test', problems: [], outcomes: enricher === null ? outcomes : outcomes.filter((one) => one.enricher === enricher) }
  }
}
