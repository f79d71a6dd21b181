import { PharosError, SubmitBatch } from '@pharos/contracts'
import { parseRequestPart, parseStrictJson } from '@pharos/service-kit'

/** A batch as it came; an item that is not JSON stands as the error that it is. */
export interface BatchBody {
  readonly items: readonly unknown[]
  readonly cohort: string | null
  readonly priority: SubmitBatch['priority'] | null
}

const itemLimit = 10_000

/** Reads a batch body: one JSON document, or NDJSON with an item a line (an empty line is none). */
export function readBatchBody(text: string, mediaType: string): BatchBody {
  if (!mediaType.startsWith('application/x-ndjson')) {
    const { items, cohort, priority } = parseRequestPart(SubmitBatch, parseStrictJson(text), 'body')
    return { items, cohort: cohort ?? null, priority: priority ?? null }
  }
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  if (lines.length === 0) throw new PharosError('request-invalid', 'The batch has no items.')
  if (lines.length > itemLimit)
    throw new PharosError('request-invalid', `A batch has at most ${itemLimit} items; this one has ${lines.length}.`)
  return { items: lines.map(parseLine), cohort: null, priority: null }
}

function parseLine(line: string): unknown {
  try {
    return parseStrictJson(line)
  } catch (error) {
    if (error instanceof PharosError) return error
    throw error
  }
}
