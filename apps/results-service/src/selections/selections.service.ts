import { Injectable } from '@nestjs/common'
import {
  type CreateSelection,
  filterOf,
  hasRole,
  PharosError,
  type Principal,
  type Selection,
  selectionLimit,
  type SetDecision,
} from '@pharos/contracts'
import { type Clock, InjectClock } from '@pharos/service-kit'
import { visibleRepositories } from '../access/repository-scope.js'
import { AuditLog } from '../audit/audit-log.js'
import { newId } from '../database/identifier.js'
import { afterCommit, Database } from '../database/transaction.js'
import { decisionFactsOfInput } from '../decisions/decision-input.js'
import { findingIdOf } from '../decisions/finding-reference.js'
import { storedText } from '../inventory/stored-text.js'
import { SelectionWorkService } from './selection-work.service.js'
import { idOfToken, selectionOf, tokenOf } from './selection-view.js'
import { type SelectionRow, SelectionsRepository } from './selections.repository.js'

const dayMs = 24 * 3_600_000
/** A selection that nothing was done with is forgotten after this time. */
const readyMs = dayMs
/** One that was applied can be undone for so long. */
const undoableMs = 7 * dayMs

/** Selections of findings: made, looked at, applied as one decision, and undone. */
@Injectable()
export class SelectionsService {
  constructor(
    private readonly selections: SelectionsRepository,
    private readonly work: SelectionWorkService,
    private readonly audit: AuditLog,
    private readonly database: Database,
    @InjectClock() private readonly clock: Clock,
  ) {}

  /** Fixes the findings that fit now. Throws `filter-invalid`, and `request-invalid` when they are more than `selectionLimit`. */
  async create({ filter, exclude }: CreateSelection, principal: Principal): Promise<Selection> {
    const ast = filterOf(filter, 'findings')
    const scope = visibleRepositories(principal)
    const now = this.clock.now()
    const id = newId()
    await this.database.inTransaction(async (tx) => {
      await this.selections.create(tx, {
        id,
        principal: principal.id,
        filter: storedText(filter),
        created_at: now,
        expires_at: new Date(now.getTime() + readyMs),
      })
      const total = await this.selections.select(tx, {
        id,
        filter: ast,
        excluded: exclude.map(findingIdOf),
        scope,
        limit: selectionLimit + 1,
      })
      if (total > selectionLimit)
        throw new PharosError('request-invalid', `More than ${selectionLimit} findings fit. Narrow the filter.`, {
          errors: [{ pointer: '#/body/filter', detail: `At most ${selectionLimit} findings may fit` }],
        })
      await this.selections.storePreview(tx, id, total, await this.selections.preview(tx, id, scope))
    })
    return selectionOf(await this.require(tokenOf(id), principal))
  }

  async get(token: string, principal: Principal): Promise<Selection> {
    return selectionOf(await this.require(token, principal))
  }

  /** Begins to set a decision about everything in the selection; throws `conflict` unless nothing was done with it yet. */
  async apply(token: string, decision: SetDecision, principal: Principal): Promise<Selection> {
    // What cannot be decided is refused now, and not by the work in the background.
    decisionFactsOfInput(decision, this.clock.now())
    return this.begin(token, principal, 'applying', decision)
  }

  /** Begins to take it back; throws `conflict` unless it was applied, or is being applied: what was set by then is taken back. */
  async undo(token: string, principal: Principal): Promise<Selection> {
    return this.begin(token, principal, 'undoing', null)
  }

  private async begin(
    token: string,
    principal: Principal,
    state: 'applying' | 'undoing',
    decision: SetDecision | null,
  ): Promise<Selection> {
    const { id } = await this.require(token, principal)
    await this.database.inTransaction(async (tx) => {
      const row = requireOwn(await this.selections.lock(tx, id), principal, this.clock.now())
      const mayBegin = state === 'applying' ? ['ready'] : ['applying', 'applied']
      if (!mayBegin.includes(row.state)) throw new PharosError('conflict', `The selection is ${row.state}.`)
      const expiresAt = new Date(this.clock.nowMs() + undoableMs)
      await this.selections.begin(tx, id, { state, decision, by: principal.id, expiresAt })
      await this.audit.record(tx, principal, {
        action: state === 'applying' ? 'selection.apply' : 'selection.undo',
        subject: tokenOf(id),
        detail: { filter: row.filter, count: row.total, status: (decision ?? row.decision)?.status ?? null },
      })
      afterCommit(tx, () => this.work.wake())
    })
    return this.get(token, principal)
  }

  private async require(token: string, principal: Principal): Promise<SelectionRow> {
    return requireOwn(await this.selections.find(idOfToken(token)), principal, this.clock.now())
  }
}

/** Throws `not-found` alike for what is not there, has expired, and is somebody else's. */
function requireOwn(row: SelectionRow | null, principal: Principal, now: Date): SelectionRow {
  const isWorking = row?.state === 'applying' || row?.state === 'undoing'
  const isTheirs = row !== null && (row.principal === principal.id || hasRole(principal.roles, 'admin'))
  if (!isTheirs || (row.expires_at <= now && !isWorking))
    throw new PharosError('not-found', 'There is no such selection, or its time is over. Select again.')
  return row
}
