import { Injectable } from '@nestjs/common'
import { type AuthenticateResult, PharosError } from '@pharos/contracts'
import { type Clock, InjectClock } from '@pharos/service-kit'
import { isPasswordOf, nobodysHash } from './password-hash.js'
import { UsersRepository } from './users.repository.js'

/** How long the gateway may use an answer: a removed user is out after that. */
const answerLifeMs = 60_000
/** Each check takes 32 MiB and about 100 ms of a core: few at once, and a short line. */
const concurrentLimit = 2
const waitingLimit = 32

/** Checks names and passwords, slowly on purpose and never many at once. */
@Injectable()
export class PasswordVerification {
  private running = 0
  private readonly waiting: (() => void)[] = []

  constructor(
    private readonly users: UsersRepository,
    @InjectClock() private readonly clock: Clock,
  ) {}

  /** Throws `too-many-in-flight` when the line is full. */
  async verify(name: string, password: string): Promise<AuthenticateResult> {
    await this.enter()
    try {
      const user = await this.users.find(name)
      const isRight = await isPasswordOf(password, user?.passwordHash ?? nobodysHash)
      if (user === null || !isRight || user.disabledAt !== null) return { principal: null, expiresAt: null }
      return {
        principal: {
          id: `user:${user.name}`,
          name: user.name,
          kind: 'user',
          roles: user.roles,
          scope: { repositories: user.repositories },
        },
        expiresAt: new Date(this.clock.nowMs() + answerLifeMs).toISOString(),
      }
    } finally {
      this.leave()
    }
  }

  private async enter(): Promise<void> {
    if (this.running < concurrentLimit) {
      this.running += 1
      return
    }
    if (this.waiting.length >= waitingLimit)
      throw new PharosError('too-many-in-flight', 'Too many passwords are being checked.', { retryAfterMs: 1000 })
    await new Promise<void>((resolve) => this.waiting.push(resolve))
  }

  private leave(): void {
    const next = this.waiting.shift()
    if (next === undefined) this.running -= 1
    else next()
  }
}
