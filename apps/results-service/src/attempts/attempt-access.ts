import { Injectable } from '@nestjs/common'
import { PharosError } from '@pharos/contracts'
import { Database, type Transaction } from '../database/transaction.js'
import { isTokenOf } from './attempt-token.js'
import { AttemptsRepository, type LockedAttempt } from './attempts.repository.js'

/** An attempt that a worker names, with the token that it shows. */
export interface AttemptCredential {
  readonly attemptId: string
  readonly token: string
}

/** Lets a worker act on an attempt only with its token, and only while it is the current one. */
@Injectable()
export class AttemptAccess {
  constructor(
    private readonly database: Database,
    private readonly attempts: AttemptsRepository,
  ) {}

  /**
   * Runs `work` in a transaction with the attempt and its task locked. Throws `attempt-superseded` (409) for a forged or stale
   * token; what has been `reported` passes only where `work` says that it deals with it.
   */
  async withAttempt<T>(
    credential: AttemptCredential,
    work: (tx: Transaction, attempt: LockedAttempt) => Promise<T>,
    options: { allowsReported?: boolean; preparesStatements?: boolean } = {},
  ): Promise<T> {
    const taskId = await this.attempts.taskOf(credential.attemptId)
    if (taskId === null) throw superseded()
    return this.database.inTransaction(async (tx) => {
      const task = await this.attempts.lockTask(tx, taskId)
      const attempt = task === null ? null : await this.attempts.lockAttempt(tx, task, { id: credential.attemptId })
      if (attempt === null || !isTokenOf(credential.token, attempt.tokenHash)) throw superseded()
      const isCurrent = attempt.state === 'claimed' || (options.allowsReported === true && attempt.state === 'reported')
      if (!isCurrent) throw superseded()
      return work(tx, attempt)
    }, options)
  }
}

function superseded(): PharosError {
  return new PharosError('attempt-superseded', 'Another attempt has taken over, or the token is not of this attempt; drop the work.')
}
