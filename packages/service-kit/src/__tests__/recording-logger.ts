import { createLogger, type LogLevel, type PharosLogger } from '../logging/pharos-logger.js'

/** A line as it is written. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly message: string; readonly level: string }

/** A logger whose lines a test can read. */
export function recordingLogger(level: LogLevel = 'debug'): { logger: PharosLogger; lines: LogLine[] } {
  const lines: LogLine[] = []
  const logger = createLogger({
    service: 'test',
    level,
    format: 'json',
    destination: { write: (line) => void lines.push(JSON.parse(line) as LogLine) },
  })
  return { logger, lines }
}
