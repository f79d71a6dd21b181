import { Writable } from 'node:stream'
import { isSpanContextValid, trace } from '@opentelemetry/api'
import { type DestinationStream, type Logger as PinoLogger, pino, stdTimeFunctions } from 'pino'
import pretty from 'pino-pretty'
import { currentLogContext } from './log-context.js'
import { redact, redactText } from './redact.js'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** Data of a log line. An error goes under `error`. */
export type LogFields = Readonly<Record<string, unknown>>

/** How a logger is made. */
export interface LoggerOptions {
  /** Name of the service, on each line. */
  readonly service: string
  readonly level?: LogLevel
  /** `auto` is `pretty` on a terminal, else `json`. */
  readonly format?: 'auto' | 'json' | 'pretty'
  /** Where lines go; standard output by default. */
  readonly destination?: DestinationStream
}

/**
 * The one logger. A message is a constant of the form `<process> <event>` ("relay published", "report refused"); what varies
 * stands in fields, camelCase with units. Secrets are taken out by `redact`. Each line carries the service, the ids of the
 * active span, and the fields of `withLogContext`.
 */
export class PharosLogger {
  constructor(private readonly pino: PinoLogger) {}

  debug(message: string, fields: LogFields = {}): void {
    this.pino.debug(fields, message)
  }

  info(message: string, fields: LogFields = {}): void {
    this.pino.info(fields, message)
  }

  warn(message: string, fields: LogFields = {}): void {
    this.pino.warn(fields, message)
  }

  /** Our bug or a broken environment; a caller's mistake is `info`. */
  error(message: string, fields: LogFields = {}): void {
    this.pino.error(fields, message)
  }

  log(level: LogLevel, message: string, fields: LogFields = {}): void {
    this.pino[level](fields, message)
  }

  /** A logger whose lines carry these fields too. */
  child(fields: LogFields): PharosLogger {
    return new PharosLogger(this.pino.child(redact(fields) as Record<string, unknown>))
  }
}

/** Makes the logger of a service. */
export function createLogger(options: LoggerOptions): PharosLogger {
  const { service, level = 'info', format = 'auto', destination } = options
  const isPretty = format === 'pretty' || (format === 'auto' && destination === undefined && process.stdout.isTTY === true)
  const sink = destination ?? pino.destination({ dest: 1, sync: true })
  const stream = isPretty
    ? pretty({
        colorize: process.stdout.isTTY === true,
        singleLine: true,
        ignore: 'pid,hostname,service',
        translateTime: 'SYS:HH:MM:ss.l',
        destination: asWritable(sink),
      })
    : sink
  return new PharosLogger(
    pino(
      {
        level,
        base: { service },
        timestamp: stdTimeFunctions.isoTime,
        messageKey: 'message',
        formatters: {
          level: (label) => ({ level: label }),
          log: (fields) => redact(fields) as Record<string, unknown>,
        },
        hooks: { logMethod: redactMessage },
        mixin: () => ({ ...traceFields(), ...currentLogContext() }),
      },
      stream,
    ),
  )
}

/** A logger that says nothing, for tests. */
export function silentLogger(): PharosLogger {
  return new PharosLogger(pino({ enabled: false }))
}

function traceFields(): { traceId?: string; spanId?: string } {
  const context = trace.getActiveSpan()?.spanContext()
  return context !== undefined && isSpanContextValid(context) ? { traceId: context.traceId, spanId: context.spanId } : {}
}

/** Messages are constants by rule; those of libraries are not, so secrets are taken out of them too. */
function redactMessage(this: PinoLogger, args: [unknown, ...unknown[]], method: (...args: unknown[]) => void): void {
  method.apply(
    this,
    args.map((arg) => (typeof arg === 'string' ? redactText(arg) : arg)),
  )
}

function asWritable(destination: DestinationStream): Writable {
  if (destination instanceof Writable) return destination
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      destination.write(chunk.toString())
      done()
    },
  })
}
