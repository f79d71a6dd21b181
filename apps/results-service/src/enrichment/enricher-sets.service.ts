import { Injectable } from '@nestjs/common'
import {
  type CreateEnricherSet,
  type EnricherFile,
  type EnricherProblem,
  type EnricherSetDetail,
  type PageQuery,
  PharosError,
  type Principal,
  type StoredEnricherSet,
} from '@pharos/contracts'
import { AuditLog } from '../audit/audit-log.js'
import { decodeCursor, type Page, pageOfRows } from '../database/keyset.js'
import { afterCommit, Database, type Transaction } from '../database/transaction.js'
import { EventBroadcast } from '../events/event-broadcast.js'
import { storedText } from '../inventory/stored-text.js'
import { EnricherRequestRepository } from './enricher-request.repository.js'
import { type EnricherSetRow, EnricherSetRepository, enricherSetOf } from './enricher-set.repository.js'
import { RequestAnswers } from './request-answers.js'

/** Bytes of all files of a set together. */
const filesLimit = 8 * 1024 * 1024

/** Sets of enrichers: checked and kept as a whole. What happens with them over the fleet is a run's business. */
@Injectable()
export class EnricherSetsService {
  constructor(
    private readonly database: Database,
    private readonly sets: EnricherSetRepository,
    private readonly requests: EnricherRequestRepository,
    private readonly answers: RequestAnswers,
    private readonly audit: AuditLog,
    private readonly broadcast: EventBroadcast,
  ) {}

  /** Newest first. */
  async list(query: PageQuery): Promise<Page<StoredEnricherSet>> {
    const list = { list: 'enricher-sets', sort: '' }
    const [after = null] = decodeCursor(list, query.cursor, ['int']) ?? []
    const found = await this.sets.list(this.database.runner, after, query.limit + 1)
    return pageOfRows(list, found, query.limit, ({ version }) => [version], enricherSetOf)
  }

  /** Throws `not-found`. */
  async get(id: string): Promise<EnricherSetDetail> {
    const row = await this.sets.find(this.database.runner, id)
    if (row === null) throw notFound()
    return { ...enricherSetOf(row), files: row.files }
  }

  /**
   * Keeps a set and has a worker compile it: this service holds the database's password, and runs nothing of anybody's scripts.
   * Where no worker answers in time, the set is kept as `checking`. Throws `enricher-set-invalid` with all mistakes, and keeps nothing then.
   */
  async create({ files = [], source, label }: CreateEnricherSet, principal: Principal): Promise<StoredEnricherSet> {
    refuse(mistakesOfFiles(files))
    const { setId, requestId } = await this.database.inTransaction(async (tx) => {
      const by = principal.id
      const setId = await this.sets.create(tx, { files, source: source ?? null, label: label === undefined ? null : storedText(label), by })
      const body = { files: source === undefined ? files : null, source: source ?? null, enricher: null }
      const requestId = await this.requests.create(tx, { kind: 'validate', setId, body, payload: null, subject: null })
      await this.audit.record(tx, principal, {
        action: 'enricher-set.create',
        subject: setId,
        detail: { label: label ?? null, files: files.length },
      })
      afterCommit(tx, () => this.broadcast.enrichmentDue())
      return { setId, requestId }
    })
    await this.answers.wait(requestId)
    const set = await this.sets.find(this.database.runner, setId)
    if (set === null) throw notFound()
    if (set.state === 'invalid') {
      await this.database.inTransaction((tx) => this.drop(tx, set, principal))
      refuse(set.problems)
    }
    return enricherSetOf(set)
  }

  /** Throws `not-found`, and `conflict` for the active set and one that a run is at. */
  async remove(id: string, principal: Principal): Promise<void> {
    await this.database.inTransaction(async (tx) => {
      const set = await this.sets.lock(tx, id)
      if (set === null) throw notFound()
      if (set.state === 'active') throw new PharosError('conflict', 'This set is the active one: activate another first.')
      if (await this.sets.isAtWork(tx, id)) throw new PharosError('conflict', 'A run of this set has not ended: cancel it first.')
      await this.drop(tx, set, principal)
    })
  }

  private async drop(tx: Transaction, set: EnricherSetRow, principal: Principal): Promise<void> {
    await this.sets.remove(tx, set.id)
    await this.audit.record(tx, principal, { action: 'enricher-set.remove', subject: set.id, detail: { version: set.version } })
  }
}

const notFound = (): PharosError => new PharosError('not-found', 'There is no such set of enrichers.')

/** What can be said of files without reading them. */
function mistakesOfFiles(files: readonly EnricherFile[]): EnricherProblem[] {
  const problems: EnricherProblem[] = []
  const seen = new Set<string>()
  for (const { path } of files) {
    if (path.startsWith('/') || path.includes('\\') || path.split('/').some((part) => part === '' || part === '.' || part === '..'))
      problems.push({ file: path, message: 'A path is relative, with / between its parts, and does not lead out of its folder.' })
    if (seen.has(path)) problems.push({ file: path, message: 'Two files have this path: leave one out.' })
    seen.add(path)
  }
  const bytes = files.reduce((sum, { content }) => sum + Buffer.byteLength(content), 0)
  if (bytes > filesLimit) problems.push({ file: '', message: `The files have ${bytes} bytes together; at most ${filesLimit} are taken.` })
  return problems
}

function refuse(problems: readonly EnricherProblem[]): void {
  if (problems.length === 0) return
  throw new PharosError('enricher-set-invalid', `The set has ${problems.length === 1 ? 'a mistake' : `${problems.length} mistakes`}.`, {
    errors: problems.map((problem) => ({ pointer: '#/body/files', detail: textOf(problem) })),
  })
}

function textOf({ file, line, column, message }: EnricherProblem): string {
  const place = [file, ...(line === undefined ? [] : [line]), ...(line === undefined || column === undefined ? [] : [column])].join(':')
  return place === '' ? message : `${place}: ${message}`
}
