import { durationMs, EngineName, PharosError, type Priority, type ProblemCode, SubmitScan } from '@pharos/contracts'
import { formatPlatform, parseImageReference, parsePlatform } from '@pharos/registry'

/** A submitted scan that was checked: what a task is made of. */
export interface TaskRequest {
  readonly image: string
  /** registry/path: what a scope is matched with. */
  readonly repository: string
  readonly platform: string | null
  readonly engines: readonly EngineName[]
  readonly priority: Priority
  readonly cohort: string | null
  readonly context: Readonly<Record<string, string | number | boolean | null>> | null
  readonly contextKey: string | null
  readonly maxAgeMs: number
  readonly isForced: boolean
}

/** What a request that leaves things out gets. */
export interface TaskDefaults {
  readonly engines: readonly EngineName[]
  readonly priority: Priority
  readonly cohort: string | null
}

const contextKeyLimit = 100

/** Checks a submit or an item of a batch (a reference text alone, or a SubmitScan). Throws a `PharosError` that says what is wrong. */
export function readTaskRequest(item: unknown, defaults: TaskDefaults): TaskRequest {
  const parsed = SubmitScan.safeParse(typeof item === 'string' ? { image: item } : item)
  if (!parsed.success) throw refusalOf(item, parsed.error.issues)
  const { data } = parsed
  const reference = parseImageReference(data.image)
  if (Object.keys(data.context ?? {}).length > contextKeyLimit)
    throw new PharosError('request-invalid', `A context has at most ${contextKeyLimit} keys.`)
  return {
    image: data.image,
    repository: `${reference.registry}/${reference.path}`,
    platform: data.platform === undefined ? null : formatPlatform(parsePlatform(data.platform)),
    engines: [...new Set(data.engines ?? defaults.engines)].sort(),
    priority: data.priority ?? defaults.priority,
    cohort: data.cohort ?? defaults.cohort,
    context: data.context ?? null,
    contextKey: data.contextKey ?? null,
    maxAgeMs: data.maxAge === undefined ? 0 : durationMs(data.maxAge),
    isForced: data.force ?? false,
  }
}

interface Issue {
  readonly path: readonly PropertyKey[]
  readonly message: string
}

function refusalOf(item: unknown, issues: readonly Issue[]): PharosError {
  const [issue] = issues
  const field = String(issue?.path[0] ?? '')
  const code: ProblemCode =
    field === 'image' && issue?.path.length === 1 && hasField(item, 'image')
      ? 'reference-invalid'
      : field === 'engines' && (issue?.path.length ?? 0) > 1
        ? 'engine-unknown'
        : field === 'platform'
          ? 'platform-invalid'
          : 'request-invalid'
  const known = code === 'engine-unknown' ? ` Engines are ${EngineName.options.join(' and ')}.` : ''
  return new PharosError(code, `${field === '' ? 'The item' : field}: ${issue?.message ?? 'does not fit the contract'}.${known}`)
}

function hasField(item: unknown, field: string): boolean {
  return typeof item === 'string' || (typeof item === 'object' && item !== null && field in item)
}
