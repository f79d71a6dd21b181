import { Injectable } from '@nestjs/common'
import type { Transaction } from '../database/transaction.js'
import { decisionFactsOf, noDecision } from '../decisions/decision-facts.js'
import { DecisionRules } from '../decisions/decision-rules.js'
import { type DecisionChange, DecisionStore } from '../decisions/decision-store.js'
import { SummaryStore } from '../findings/summary-store.js'
import { originalText } from '../inventory/stored-text.js'
import { ImageIdentity } from './image-identity.js'
import { parsePurl, type Purl } from './purl.js'
import { type ReadyStatement, StatementCache } from './statement-cache.js'
import { type Candidate, type DecisionDue, type StoredStatement, VexMatchesRepository, type VexMatch } from './vex-matches.repository.js'
import { defaultTrustRules, mayConcern, trustingRule } from './vex-trust.js'

/** Decides about findings by the VEX statements that are about them. One rule for all engines. */
@Injectable()
export class VexDecisionRules extends DecisionRules {
  private readonly statements = new StatementCache()

  constructor(
    private readonly matches: VexMatchesRepository,
    private readonly decisions: DecisionStore,
    private readonly summaries: SummaryStore,
  ) {
    super()
  }

  async applyToImages(tx: Transaction, imageIds: readonly number[], at: Date): Promise<void> {
    if (imageIds.length === 0) return
    await this.matches.holdStatements(tx)
    const occasions = await this.matches.occasions(tx, imageIds)
    if (!occasions.statements && !occasions.decisions && !occasions.matches) return
    await this.summaries.lockImages(tx, imageIds)
    if (occasions.decisions) await this.moveDecisions(tx, imageIds, at)
    if (occasions.statements || occasions.matches) await this.match(tx, imageIds)
    await this.decide(tx, imageIds, at)
  }

  /** A decision follows its finding when that goes up in another one, since their aliases turned out to name one vulnerability. */
  private async moveDecisions(tx: Transaction, imageIds: readonly number[], at: Date): Promise<void> {
    const moves = await this.matches.decisionsToMove(tx, imageIds)
    const change = (findingId: string, facts: DecisionChange['facts'], by: string): DecisionChange => ({
      findingId,
      kind: 'moved',
      facts,
      source: 'triage',
      statement: null,
      by,
    })
    await this.decisions.write(
      tx,
      moves.flatMap((row) => [
        change(row.from_id, noDecision(), originalText(row.decided_by)),
        change(row.to_id, decisionFactsOf(row), originalText(row.decided_by)),
      ]),
      at,
    )
  }

  /** Makes the stored matches equal to what the statements in force say of open findings; those of gone findings stay as they are. */
  private async match(tx: Transaction, imageIds: readonly number[]): Promise<void> {
    const wanted = new Map((await this.findMatches(tx, imageIds)).map((match) => [keyOf(match), match]))
    const stored = await this.matches.matches(tx, imageIds)
    await this.matches.remove(
      tx,
      stored.filter((match) => !match.isInForce || (match.isCurrent && !wanted.has(keyOf(match)))),
    )
    for (const match of stored) if (wanted.get(keyOf(match))?.isTrusted === match.isTrusted) wanted.delete(keyOf(match))
    await this.matches.put(tx, [...wanted.values()])
  }

  private async findMatches(tx: Transaction, imageIds: readonly number[]): Promise<VexMatch[]> {
    const candidates = await this.matches.candidates(tx, imageIds)
    if (candidates.length === 0) return []
    const rules = (await this.matches.trustRules(tx)) ?? defaultTrustRules
    const names = await this.matches.imageNames(tx, [...new Set(candidates.map(({ imageId }) => imageId))])
    const images = new Map([...names].map(([id, known]) => [id, new ImageIdentity(known)]))
    const statements = await this.statementsOf(tx, candidates)
    const purls = new Map<number, Purl | null>()
    const matched: VexMatch[] = []
    for (const candidate of candidates) {
      const image = images.get(candidate.imageId)
      const stated = statements.get(statementKey(candidate))
      if (image === undefined || stated === undefined) continue
      if (!purls.has(candidate.packageId)) purls.set(candidate.packageId, candidate.purl === null ? null : parsePurl(candidate.purl))
      if (!mayConcern(stated.statement.origin, image.repositories)) continue
      if (!stated.scope.includes(image, purls.get(candidate.packageId) ?? null)) continue
      const effect = { status: stated.statement.status, repositories: image.repositories, purl: candidate.purl }
      matched.push({ ...matchOf(candidate, stated.statement), isTrusted: trustingRule(rules, stated.statement.origin, effect) !== null })
    }
    return matched
  }

  private async statementsOf(tx: Transaction, candidates: readonly Candidate[]): Promise<Map<string, ReadyStatement>> {
    const found = new Map<string, ReadyStatement>()
    const missing = new Set<string>()
    for (const candidate of candidates) {
      const known = this.statements.get(statementKey(candidate))
      if (known === undefined) missing.add(candidate.statementId)
      else found.set(statementKey(candidate), known)
    }
    if (missing.size === 0) return found
    for (const statement of await this.matches.statements(tx, [...missing])) {
      const key = statementKey({ statementId: statement.id, documentId: statement.documentId })
      found.set(key, this.statements.add(key, statement))
    }
    return found
  }

  private async decide(tx: Transaction, imageIds: readonly number[], at: Date): Promise<void> {
    const due = await this.matches.decisionsDue(tx, imageIds)
    await this.decisions.write(tx, due.map(changeOf), at)
  }
}

const statementKey = ({ documentId, statementId }: Pick<Candidate, 'documentId' | 'statementId'>): string => `${documentId} ${statementId}`

const keyOf = ({ findingId, statementId }: Pick<VexMatch, 'findingId' | 'statementId'>): string => `${findingId} ${statementId}`

function matchOf({ findingId, imageId }: Candidate, { id }: StoredStatement) {
  return { findingId, imageId, statementId: id }
}

function changeOf({ finding_id: findingId, next }: DecisionDue): DecisionChange {
  if (next === null)
    return { findingId, kind: 'withdrawn', facts: noDecision(), source: 'vex', statement: null, by: 'service:results-service' }
  return {
    findingId,
    kind: 'set',
    facts: {
      status: next.status,
      justification: next.justification,
      impactStatement: next.impact_statement && originalText(next.impact_statement),
      comment: next.comment && originalText(next.comment),
      response: next.response,
      original: next.original,
      until: null,
    },
    source: 'vex',
    statement: { id: String(next.statement_id), documentId: next.document_id },
    by: originalText(next.decided_by),
  }
}
