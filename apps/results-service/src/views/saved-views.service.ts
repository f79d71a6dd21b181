import { Injectable } from '@nestjs/common'
import {
  type ChangeSavedView,
  type CreateSavedView,
  filterOf,
  type FilterResource,
  hasRole,
  ListImagesQuery,
  PharosError,
  type Principal,
  QueryFindings,
  QueryPackages,
  QueryWorkloads,
  type SavedView,
} from '@pharos/contracts'
import { visibleRepositories } from '../access/repository-scope.js'
import { AuditLog } from '../audit/audit-log.js'
import { newId } from '../database/identifier.js'
import { Database, type Transaction } from '../database/transaction.js'
import { originalText, storedText } from '../inventory/stored-text.js'
import { matchesVersion } from '../inventory/version-tag.js'
import { type SavedViewRow, SavedViewsRepository, type ViewReader } from './saved-views.repository.js'

/** Views that one owner may have. */
const viewLimit = 500

/** The orders that each list has. */
const sorts: Readonly<Record<FilterResource, readonly string[]>> = {
  findings: QueryFindings.shape.sort.unwrap().options,
  images: ListImagesQuery.shape.sort.unwrap().options,
  packages: QueryPackages.shape.sort.unwrap().options,
  workloads: QueryWorkloads.shape.sort.unwrap().options,
}

/** Views that people save. A view is a question: who opens it sees what he may see, whoever saved it. */
@Injectable()
export class SavedViewsService {
  constructor(
    private readonly views: SavedViewsRepository,
    private readonly audit: AuditLog,
    private readonly database: Database,
  ) {}

  async list(resource: FilterResource | undefined, principal: Principal): Promise<SavedView[]> {
    return (await this.views.list(readerOf(principal), resource ?? null)).map((row) => savedViewOf(row, principal))
  }

  /** Throws `not-found` alike for what is not there and for what is not shared with the caller. */
  async get(id: string, principal: Principal): Promise<SavedView> {
    return savedViewOf(await this.require(this.database.runner, id, principal), principal)
  }

  /** Throws `filter-invalid`, `request-invalid` for an order that the list has not, `forbidden` to share without the role, `conflict` for too many. */
  async create(view: CreateSavedView, principal: Principal): Promise<SavedView> {
    const checked = checkedView(view, principal)
    const id = newId()
    await this.database.inTransaction(async (tx) => {
      if ((await this.views.countOf(tx, principal.id)) >= viewLimit)
        throw new PharosError('conflict', `Nobody has more than ${viewLimit} views: remove one first.`)
      await this.views.insert(tx, id, readerOf(principal), checked)
      await this.audit.record(tx, principal, {
        action: 'view.create',
        subject: id,
        detail: { name: checked.name, visibility: checked.visibility },
      })
    })
    return this.get(id, principal)
  }

  /** `ifMatch` is the ETag that the caller has read. */
  async change(id: string, change: ChangeSavedView, ifMatch: string | undefined, principal: Principal): Promise<SavedView> {
    await this.database.inTransaction(async (tx) => {
      const row = await this.requireChangeable(tx, id, ifMatch, principal)
      const { name, resource, filter, sort, columns, visibility } = savedViewOf(row, principal)
      const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined)) as Partial<CreateSavedView>
      const checked = checkedView({ name, resource, filter, sort, columns, visibility, ...given }, principal)
      if (!(await this.views.update(tx, id, row.version, checked))) throw changedMeanwhile()
      await this.audit.record(tx, principal, { action: 'view.change', subject: id, detail: { fields: Object.keys(given) } })
    })
    return this.get(id, principal)
  }

  async remove(id: string, ifMatch: string | undefined, principal: Principal): Promise<void> {
    await this.database.inTransaction(async (tx) => {
      const row = await this.requireChangeable(tx, id, ifMatch, principal)
      if (!(await this.views.remove(tx, id, row.version))) throw changedMeanwhile()
      await this.audit.record(tx, principal, { action: 'view.remove', subject: id, detail: { name: originalText(row.name) } })
    })
  }

  private async require(runner: Pick<Transaction, 'query'>, id: string, principal: Principal): Promise<SavedViewRow> {
    const row = await this.views.find(runner, id, readerOf(principal))
    if (row === null) throw new PharosError('not-found', 'There is no such view, or it is not shared with you.')
    return row
  }

  private async requireChangeable(tx: Transaction, id: string, ifMatch: string | undefined, principal: Principal): Promise<SavedViewRow> {
    const row = await this.require(tx, id, principal)
    if (!isChangeable(row, principal)) throw new PharosError('forbidden', 'A view is changed by its owner, or by an admin.')
    if (ifMatch === undefined) throw new PharosError('precondition-required', 'Send the ETag of the view as If-Match.')
    if (!matchesVersion(ifMatch, row.version)) throw changedMeanwhile()
    return row
  }
}

function changedMeanwhile(): PharosError {
  return new PharosError('precondition-failed', 'The view has changed since you read it: read it again.')
}

function readerOf(principal: Principal): ViewReader {
  return { id: principal.id, repositories: visibleRepositories(principal) }
}

function isChangeable(row: SavedViewRow, principal: Principal): boolean {
  return row.owner === principal.id || hasRole(principal.roles, 'admin')
}

/** A view that can be opened: its filter parses, its list has the order, and its owner may share it so. */
function checkedView(view: CreateSavedView, principal: Principal): CreateSavedView {
  filterOf(view.filter, view.resource)
  if (view.sort !== null && !sorts[view.resource].includes(view.sort)) {
    const detail = `${view.resource} are sorted by ${sorts[view.resource].join(', ')}.`
    throw new PharosError('request-invalid', detail, { errors: [{ pointer: '#/body/sort', detail }] })
  }
  if (view.visibility === 'all' && !hasRole(principal.roles, 'triager'))
    throw new PharosError('forbidden', 'To share a view with all needs the role triager.')
  return { ...view, name: storedText(view.name), filter: storedText(view.filter), columns: view.columns.map(storedText) }
}

function savedViewOf(row: SavedViewRow, principal: Principal): SavedView {
  return {
    id: row.id,
    name: originalText(row.name),
    resource: row.resource,
    filter: originalText(row.filter),
    sort: row.sort,
    columns: row.columns.map(originalText),
    visibility: row.visibility,
    owner: row.owner,
    version: row.version,
    allowed: isChangeable(row, principal) ? ['change', 'remove'] : [],
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
  }
}
