import type { LoggerService } from '@nestjs/common'
import type { LogLevel, PharosLogger } from './pharos-logger.js'

/**
 * Sends what Nest itself and its modules log through the logger of the service. Nest's messages vary, so they go in the
 * field `detail`, under one constant message.
 */
export class NestLogger implements LoggerService {
  constructor(private readonly logger: PharosLogger) {}

  // What Nest says at start (each module, each route) is of use to those who debug only.
  log(message: unknown, ...rest: unknown[]): void {
    this.write('debug', message, rest)
  }

  debug(message: unknown, ...rest: unknown[]): void {
    this.write('debug', message, rest)
  }

  verbose(message: unknown, ...rest: unknown[]): void {
    this.write('debug', message, rest)
  }

  warn(message: unknown, ...rest: unknown[]): void {
    this.write('warn', message, rest)
  }

  error(message: unknown, ...rest: unknown[]): void {
    this.write('error', message, rest)
  }

  fatal(message: unknown, ...rest: unknown[]): void {
    this.write('error', message, rest)
  }

  /** Nest passes (message, [stack], [context]); the last text is the name of the class that speaks. */
  private write(level: LogLevel, message: unknown, rest: readonly unknown[]): void {
    const last = rest.at(-1)
    this.logger.log(level, 'framework message', {
      ...(typeof last === 'string' && rest.length > 0 ? { source: last } : {}),
      ...(message instanceof Error ? { error: message } : { detail: message }),
      ...(rest.length > 1 ? { stack: rest[0] } : {}),
    })
  }
}
