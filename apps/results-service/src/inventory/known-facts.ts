import { Injectable } from '@nestjs/common'
import { oneRow } from '../database/sql.js'
import { afterCommit, type Transaction } from '../database/transaction.js'
import { RecentMap } from './recent-map.js'

/** A stored package, by the hash of its facts. */
export interface KnownPackage {
  readonly id: number
  readonly type: string
  readonly name: string
  readonly version: string
  /** Whether what matchers read of it is kept, so that it can be matched again. */
  readonly hasInput: boolean
}

/** A vulnerability that is stored with its score as a report spells it, by the hash of that line. */
export interface KnownVulnerability {
  readonly id: number
  readonly groupId: number
  readonly groupSeed: string
  /** 0 to 100, as stored. */
  readonly risk: number
  /** Code of the severity. */
  readonly severity: number
  readonly isKev: boolean
}

/** The matches of a package that are stored and open as an engine's report spells them, by package and the hash of their lines. */
export interface KnownMatches {
  readonly vulnerabilityIds: readonly number[]
  readonly matchIds: readonly number[]
  /** Codes of fix states. */
  readonly fixStates: readonly number[]
}

/** Entries of a generation of each map. Filled to the brim they take about 100 MB. */
const limits = { packages: 100_000, vulnerabilities: 50_000, matches: 100_000 } as const

type Facts = {
  readonly packages: RecentMap<KnownPackage>
  readonly vulnerabilities: RecentMap<KnownVulnerability>
  readonly matches: RecentMap<KnownMatches>
}

/**
 * Facts that are known to be stored, so that a report that brings them again needs neither parse nor look them up.
 *
 * Shared facts are mostly added. Whatever changes or removes one (any statement of any replica that does so to packages,
 * vulnerabilities, their groups and scores, or matches) adds a row to `fact_change` by a trigger, in its own transaction. A
 * transaction that stores a report first reads which changes are committed: when they are others than before, everything is
 * forgotten. So what is known is never older than what the transaction would have read by then. What it stores itself is known
 * once it has committed, unless anything was forgotten meanwhile.
 */
@Injectable()
export class KnownFacts {
  private version = ''
  private readonly facts: Facts = {
    packages: new RecentMap(limits.packages),
    vulnerabilities: new RecentMap(limits.vulnerabilities),
    matches: new RecentMap(limits.matches),
  }

  /** What a transaction may rely on from here on. */
  async of(tx: Transaction): Promise<FactsOfTransaction> {
    const version = await versionOf(tx)
    if (version !== this.version) {
      this.version = version
      for (const map of Object.values(this.facts)) map.clear()
    }
    const additions: (() => void)[] = []
    afterCommit(tx, () => {
      if (version === this.version) for (const add of additions) add()
    })
    return new FactsOfTransaction(this.facts, additions, version)
  }
}

/** Rows are only ever added with greater ids than those removed, so no two sets of them have the same count and sum. */
async function versionOf(tx: Transaction): Promise<string> {
  const row = await oneRow<{ version: string }>(tx, `select count(*) || ' ' || coalesce(sum(id), 0) as version from fact_change`)
  return row?.version ?? ''
}

/** Looks known facts up, and adds what a transaction has stored. */
export class FactsOfTransaction {
  constructor(
    private readonly facts: Facts,
    private readonly additions: (() => void)[],
    private readonly version: string,
  ) {}

  /** Whether the transaction itself, or one that has committed since it began, changed any fact. */
  async haveChanged(tx: Transaction): Promise<boolean> {
    return (await versionOf(tx)) !== this.version
  }

  get<K extends keyof Facts>(kind: K, key: string): ReturnType<Facts[K]['get']> {
    return this.facts[kind].get(key) as ReturnType<Facts[K]['get']>
  }

  addPackage(hash: string, found: KnownPackage): void {
    this.additions.push(() => this.facts.packages.set(hash, found))
  }

  addVulnerability(lineHash: string, found: KnownVulnerability): void {
    this.additions.push(() => this.facts.vulnerabilities.set(lineHash, found))
  }

  addMatches(key: string, found: KnownMatches): void {
    this.additions.push(() => this.facts.matches.set(key, found))
  }
}
