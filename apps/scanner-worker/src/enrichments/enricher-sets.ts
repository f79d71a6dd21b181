import { Injectable } from '@nestjs/common'
import { type EnricherFile, PharosError } from '@pharos/contracts'
import { type EnricherSet, readEnricherFiles } from '@pharos/enrichers'
import { type Clock, InjectClock } from '@pharos/service-kit'
import { EnricherBreaker } from './enricher-breaker.js'
import { EnrichmentClient } from './enrichment.client.js'

/** A set as this worker keeps it: what it does, and which of its enrichers rest. */
export interface KeptSet {
  readonly set: EnricherSet
  readonly breaker: EnricherBreaker
}

/** The active set, the one before, and two that are compared. */
const keptSets = 4

/** Sets of enrichers by their hash: fetched and read once. */
@Injectable()
export class EnricherSets {
  private readonly kept = new Map<string, Promise<KeptSet>>()

  constructor(
    private readonly client: EnrichmentClient,
    @InjectClock() private readonly clock: Clock,
  ) {}

  /** @throws PharosError `enricher-set-invalid` for one that this worker cannot read */
  get({ id, hash }: { readonly id: string; readonly hash: string }): Promise<KeptSet> {
    const known = this.kept.get(hash) ?? this.fetch(id, hash)
    // The least recently used is the first.
    this.kept.delete(hash)
    this.kept.set(hash, known)
    known.catch(() => this.kept.delete(hash))
    for (const oldest of this.kept.keys()) {
      if (this.kept.size <= keptSets) break
      this.kept.delete(oldest)
    }
    return known
  }

  /** A set that nobody will ask for again. */
  async of(files: readonly EnricherFile[]): Promise<KeptSet> {
    const read = await readEnricherFiles([...files])
    if (read.ok) return { set: read.set, breaker: new EnricherBreaker(this.clock) }
    const [first] = read.problems
    throw new PharosError(
      'enricher-set-invalid',
      first === undefined ? 'The set cannot be read.' : `This worker cannot read the set: ${first.file}: ${first.message}`,
    )
  }

  private async fetch(id: string, hash: string): Promise<KeptSet> {
    const { files } = await this.client.files(id)
    const found = await this.of(files)
    // Another hash would mean that both sides read the files differently: contexts would be told to be of a set that did not make them.
    if (found.set.hash !== hash)
      throw new PharosError(
        'enricher-set-invalid',
        'This worker reads the set differently from results-service: are they of the same release?',
      )
    return found
  }
}
