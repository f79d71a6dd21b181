import { Injectable } from '@nestjs/common'
import { type DecidedFindings, type DecideFindings, PharosError, type Principal, type SetDecision } from '@pharos/contracts'
import { type Clock, InjectClock } from '@pharos/service-kit'
import { visibleRepositories } from '../access/repository-scope.js'
import { AuditLog } from '../audit/audit-log.js'
import { Database, type Transaction } from '../database/transaction.js'
import { matchesVersion } from '../inventory/version-tag.js'
import { type DecisionFacts, decisionFactsOf, isSameDecision, noDecision, type NoDecision } from './decision-facts.js'
import { decisionFactsOfInput } from './decision-input.js'
import { DecisionRules } from './decision-rules.js'
import { type DecisionChange, DecisionStore } from './decision-store.js'
import { type DecidableFinding, DecisionsRepository } from './decisions.repository.js'
import { findingIdOf } from './finding-reference.js'

/** What became of one finding of a change. */
export interface DecidedFinding {
  readonly findingId: string
  /** `stale`: its decision is not at the expected version. */
  readonly outcome: 'changed' | 'unchanged' | 'stale'
  /** What somebody had decided before; null when nobody had (a VEX document may have). Give it to `setMany` to undo. */
  readonly former: DecisionFacts | null
  /** Version of the decision now. */
  readonly version: number
}

/** Decisions that people make. A person goes before any VEX document. */
@Injectable()
export class DecisionsService {
  constructor(
    private readonly decisions: DecisionsRepository,
    private readonly store: DecisionStore,
    private readonly rules: DecisionRules,
    private readonly audit: AuditLog,
    private readonly database: Database,
    @InjectClock() private readonly clock: Clock,
  ) {}

  /**
   * Decides about one finding, and about those of other engines that lists show in one row with it. `ifMatch` is the ETag that the
   * caller has read of the named one. Throws `not-found`, `precondition-required` and
   * `precondition-failed`.
   */
  async set(publicId: string, input: SetDecision, ifMatch: string | undefined, principal: Principal): Promise<void> {
    if (ifMatch === undefined) throw new PharosError('precondition-required', 'Send the ETag of the finding as If-Match.')
    const findingId = findingIdOf(publicId)
    const facts = decisionFactsOfInput(input, this.clock.now())
    await this.database.inTransaction(async (tx) => {
      await this.store.holdSwitch(tx)
      const imageId = (await this.decisions.locate(tx, [findingId], visibleRepositories(principal))).get(findingId)
      if (imageId === undefined) throw notFound()
      await this.store.lockImages(tx, [imageId])
      const [current] = await this.decisions.read(tx, [findingId])
      if (current === undefined) throw notFound()
      if (!matchesVersion(ifMatch, current.version))
        throw new PharosError('precondition-failed', 'Somebody has decided about this finding meanwhile. Read it again.')
      const others = await this.decisions.read(tx, await this.decisions.inOneRow(tx, [findingId]))
      await this.apply(tx, [current, ...others], facts, principal)
      await this.audit.record(tx, principal, { action: 'finding.decide', subject: publicId, detail: { status: input.status } })
    })
  }

  /**
   * One decision about many findings, and about those of other engines that lists show in one row with them, which are not counted.
   * Findings that the caller may not see are named.
   */
  async decide({ ids, ...input }: DecideFindings, principal: Principal): Promise<DecidedFindings> {
    const facts = decisionFactsOfInput(input, this.clock.now())
    return this.database.inTransaction(async (tx) => {
      const byId = new Map(ids.map((id) => [findingIdOf(id), id]))
      await this.store.holdSwitch(tx)
      const located = await this.decisions.locate(tx, [...byId.keys()], visibleRepositories(principal))
      const named = [...located.keys()]
      const others = await this.decisions.inOneRow(tx, named)
      const all = await this.setMany(tx, [...named, ...others], facts, principal)
      const decided = all.filter(({ findingId }) => located.has(findingId))
      const changed = decided.filter(({ outcome }) => outcome === 'changed').length
      await this.audit.record(tx, principal, {
        action: 'finding.decide',
        subject: `${ids.length} findings`,
        detail: { status: input.status, decided: changed, findingIds: ids.slice(0, 100) },
      })
      return {
        decided: changed,
        unchanged: decided.length - changed,
        notFound: [...byId].flatMap(([findingId, id]) => (located.has(findingId) ? [] : [id])),
      }
    })
  }

  /**
   * Decides about findings (rows' ids, any number) in the caller's transaction: history, suppression, summaries and events follow. `null` or a status
   * of null takes the decision back, and VEX statements take effect again. With `expectedVersions`, findings whose decision has another
   * version stay as they are (`stale`). Findings that do not exist are left out. The caller has checked that the principal may see them, and
   * writes the audit event.
   */
  async setMany(
    tx: Transaction,
    findingIds: readonly string[],
    decision: DecisionFacts | NoDecision | null,
    principal: Pick<Principal, 'id'>,
    options: { readonly expectedVersions?: ReadonlyMap<string, number> } = {},
  ): Promise<DecidedFinding[]> {
    await this.store.holdSwitch(tx)
    const images = await this.decisions.locate(tx, findingIds, null)
    await this.store.lockImages(tx, [...new Set(images.values())])
    const current = await this.decisions.read(tx, findingIds)
    const expected = options.expectedVersions
    const stale = current.filter(({ findingId, version }) => expected !== undefined && expected.get(findingId) !== version)
    const decided = await this.apply(
      tx,
      current.filter((finding) => !stale.includes(finding)),
      decision,
      principal,
    )
    return [...decided, ...stale.map((finding) => outcomeOf(finding, 'stale', finding.version))]
  }

  private async apply(
    tx: Transaction,
    findings: readonly DecidableFinding[],
    decision: DecisionFacts | NoDecision | null,
    principal: Pick<Principal, 'id'>,
  ): Promise<DecidedFinding[]> {
    const at = this.clock.now()
    const decided = findings.map((finding) => ({ finding, change: changeOf(finding, decision, principal) }))
    const changes = decided.flatMap(({ change }) => (change === null ? [] : [change]))
    await this.store.write(tx, changes, at)
    const withdrawn = decided.flatMap(({ finding, change }) => (change?.facts.status === null ? [finding.imageId] : []))
    await this.rules.applyToImages(tx, [...new Set(withdrawn)], at)
    const versions = new Map(
      (
        await this.decisions.read(
          tx,
          findings.map(({ findingId }) => findingId),
        )
      ).map((now) => [now.findingId, now.version]),
    )
    return decided.map(({ finding, change }) =>
      outcomeOf(finding, change === null ? 'unchanged' : 'changed', versions.get(finding.findingId) ?? finding.version),
    )
  }
}

function changeOf(
  { findingId, decision: current }: DecidableFinding,
  decision: DecisionFacts | NoDecision | null,
  { id }: Pick<Principal, 'id'>,
): DecisionChange | null {
  const made = current?.source === 'triage' ? decisionFactsOf(current) : null
  const change = { findingId, source: 'triage', statement: null, by: id } as const
  if (decision === null || decision.status === null)
    return made === null ? null : { ...change, kind: 'withdrawn', facts: decision ?? noDecision() }
  return made !== null && isSameDecision(made, decision) ? null : { ...change, kind: 'set', facts: decision }
}

function outcomeOf({ findingId, decision }: DecidableFinding, outcome: DecidedFinding['outcome'], version: number): DecidedFinding {
  return { findingId, outcome, former: decision?.source === 'triage' ? decisionFactsOf(decision) : null, version }
}

function notFound(): PharosError {
  return new PharosError('not-found', 'There is no such finding, or you may not see it.')
}
