import { Injectable } from '@nestjs/common'
import { type CreateWatch, durationMs, PharosError, type Principal, type Watch } from '@pharos/contracts'
import { formatPlatform, parsePlatform, parseRepository } from '@pharos/registry'
import { isVisible, visibleRepositories } from '../access/repository-scope.js'
import { hashToken, isTokenOf, issueToken } from '../attempts/attempt-token.js'
import { AuditLog } from '../audit/audit-log.js'
import { newId } from '../database/identifier.js'
import { decodeCursor, type Page, pageOfRows } from '../database/keyset.js'
import { Database } from '../database/transaction.js'
import { toWatch } from './watch-view.js'
import { WatchesRepository } from './watches.repository.js'

const shortestIntervalMs = 10_000

/** Watched repositories: their tags are resolved again and again, new digests are scanned. */
@Injectable()
export class WatchesService {
  constructor(
    private readonly database: Database,
    private readonly watches: WatchesRepository,
    private readonly audit: AuditLog,
  ) {}

  async list(query: { limit: number; cursor?: string | undefined }, principal: Principal): Promise<Page<Watch>> {
    const list = { list: 'watches', sort: 'id' }
    const [after] = decodeCursor(list, query.cursor, ['text']) ?? ['']
    const found = await this.watches.list(visibleRepositories(principal), String(after), query.limit + 1)
    return pageOfRows(
      list,
      found,
      query.limit,
      (row) => [row.id],
      (row) => toWatch(row),
    )
  }

  /** The answer shows the token for push notifications; only its hash is kept. */
  async create(request: CreateWatch, principal: Principal): Promise<Watch> {
    const { registry, path } = parseRepository(request.repository)
    const repository = `${registry}/${path}`
    if (!isVisible(principal, repository)) throw new PharosError('forbidden', `Your scope does not hold ${repository}.`)
    const everyMs = durationMs(request.every)
    if (everyMs < shortestIntervalMs) throw new PharosError('request-invalid', 'A repository is looked at every 10 s at most.')
    const platforms = request.platforms.map((platform) => formatPlatform(parsePlatform(platform)))
    const id = newId()
    const { token, hash } = issueToken()
    return this.database.inTransaction(async (tx) => {
      await this.watches.insert(tx, {
        id,
        repository,
        tags: request.tags,
        platforms,
        every: request.every,
        everyMs,
        maxTags: request.maxTags,
        createdBy: principal.id,
        tokenHash: hash,
      })
      await this.audit.record(tx, principal, { action: 'watch.create', subject: repository, detail: { id } })
      const row = await this.watches.find(tx, id)
      if (row === null) throw new PharosError('internal-error', 'The watch was not stored.')
      return toWatch(row, token)
    })
  }

  async remove(id: string, principal: Principal): Promise<void> {
    await this.database.inTransaction(async (tx) => {
      const watch = await this.watches.find(tx, id)
      if (watch === null || !isVisible(principal, watch.repository)) throw new PharosError('not-found', 'There is no such watch.')
      await this.watches.remove(tx, id)
      await this.audit.record(tx, principal, { action: 'watch.remove', subject: watch.repository, detail: { id } })
    })
  }

  /** A registry says that something was pushed: the tags are resolved soon. Its word is not taken for more. */
  async notify(id: string, token: string | null): Promise<void> {
    const hash = await this.watches.tokenHash(id)
    // An unknown watch and a wrong token answer alike and take alike.
    if (token === null || !isTokenOf(token, hash ?? hashToken('')))
      throw new PharosError('unauthenticated', "Show the watch's own token in the Authorization header.")
    await this.watches.runNow(id)
  }
}
