/** What stands in a log line where a secret was. */
export const REDACTED = '[redacted]'

/**
 * Names of fields whose values never reach a log, compared without case, `-` and `_`. A name is secret when it is in the
 * list or ends with an entry of it: `registryPassword` and `x-pharos-attempt-token` are covered by their last word.
 */
const SECRET_FIELD_ENDINGS = [
  'authorization',
  'password',
  'passwd',
  'passphrase',
  'token',
  'secret',
  'credential',
  'credentials',
  'cookie',
  'apikey',
  'servicekey',
  'servicekeys',
  'privatekey',
  'encryptionkey',
  'sessionid',
  'auth',
  'jwt',
] as const

const MAX_DEPTH = 8

/** Whether a field of this name may hold a secret. */
export function isSecretField(name: string): boolean {
  const plain = name.toLowerCase().replace(/[-_]/g, '')
  return SECRET_FIELD_ENDINGS.some((ending) => plain.endsWith(ending))
}

/** Takes secrets out of a text: passwords in URLs, bearer and basic credentials, API tokens of Pharos. */
export function redactText(text: string): string {
  return text
    .replace(/([a-z][a-z0-9+.-]*:\/\/)[^\s/@"']*@/gi, `$1${REDACTED}@`)
    .replace(/\b(bearer|basic)\s+[A-Za-z0-9._~+/-]{8,}=*/gi, `$1 ${REDACTED}`)
    .replace(/\bphr_[A-Za-z0-9-]+_[A-Za-z0-9-]+/g, REDACTED)
}

/** A copy of a value without secrets, as it may be logged. Cycles and depths over eight are cut; errors keep message, code, stack and cause. */
export function redact(value: unknown): unknown {
  return redactAt(value, 0, new Set())
}

function redactAt(value: unknown, depth: number, path: Set<object>): unknown {
  if (typeof value === 'string') return redactText(value)
  if (typeof value === 'bigint') return value.toString()
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Date) return value
  if (path.has(value)) return '[circular]'
  if (depth >= MAX_DEPTH) return '[deep]'
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`
  path.add(value)
  try {
    if (value instanceof Error) return redactError(value, depth, path)
    if (Array.isArray(value)) return value.map((item) => redactAt(item, depth + 1, path))
    if (value instanceof Map) return redactAt(Object.fromEntries(value), depth, path)
    if (value instanceof Set) return redactAt([...value], depth, path)
    return redactEntries(Object.entries(value), depth, path)
  } finally {
    path.delete(value)
  }
}

function redactEntries(entries: readonly (readonly [string, unknown])[], depth: number, path: Set<object>): Record<string, unknown> {
  const copy: Record<string, unknown> = {}
  for (const [name, item] of entries) {
    // An absent secret is worth knowing; only a present one is hidden.
    copy[name] = isSecretField(name) && item !== undefined && item !== null ? REDACTED : redactAt(item, depth + 1, path)
  }
  return copy
}

/** An error by the few fields that help: axios errors and the like carry whole requests with their headers. */
function redactError(error: Error, depth: number, path: Set<object>): Record<string, unknown> {
  return {
    type: error.name,
    message: redactText(error.message),
    ...('code' in error && (typeof error.code === 'string' || typeof error.code === 'number') ? { code: error.code } : {}),
    ...(error.stack === undefined ? {} : { stack: redactText(error.stack) }),
    ...(error.cause === undefined ? {} : { cause: redactAt(error.cause, depth + 1, path) }),
  }
}
