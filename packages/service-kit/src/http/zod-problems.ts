import { PharosError, type ProblemPointer } from '@pharos/contracts'
import { z } from 'zod'
import { escapePointer } from './strict-json.js'

/** The part of a request that a schema was applied to; first token of each pointer. */
export type RequestPart = 'body' | 'query' | 'params' | 'headers'

const MAX_ERRORS = 50

/** The issues of a schema as places in the request; unrecognised keys are named one by one. */
export function issuesToPointers(issues: readonly z.core.$ZodIssue[], part: RequestPart): ProblemPointer[] {
  return issues
    .flatMap((issue) => {
      if (issue.code === 'unrecognized_keys') {
        return issue.keys.map((key) => ({ pointer: pointer(part, [...issue.path, key]), detail: 'There is no such field' }))
      }
      return [{ pointer: pointer(part, issue.path), detail: issue.message }]
    })
    .slice(0, MAX_ERRORS)
}

function pointer(part: RequestPart, path: readonly PropertyKey[]): string {
  return `#/${[part, ...path.map((token) => escapePointer(String(token)))].join('/')}`
}

/** Parses a part of a request by its contract; throws `PharosError` `request-invalid` that names every wrong place. */
export function parseRequestPart<S extends z.ZodType>(schema: S, value: unknown, part: RequestPart): z.output<S> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const errors = issuesToPointers(result.error.issues, part)
  const [first] = errors
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : ''
  throw new PharosError(
    'request-invalid',
    first === undefined ? `The ${part} does not fit the contract.` : `${first.pointer}: ${first.detail}${more}`,
    {
      errors,
      cause: result.error,
    },
  )
}
