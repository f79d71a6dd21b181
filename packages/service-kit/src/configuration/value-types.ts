import { z } from 'zod'

/** How a value looks to the person who types it: for help, the reference page and the Helm values schema. */
export interface ValueForm {
  /** Placeholder in `--help`, e.g. `DURATION`; a boolean flag has none. */
  readonly placeholder: string
  /** JSON Schema of the text as a chart's values would hold it. */
  readonly jsonSchema: Readonly<Record<string, unknown>>
  /** A boolean flag may stand without a value. */
  readonly isBoolean?: boolean
}

const forms = z.registry<ValueForm>()

/** The form of a parameter's schema; optional and default wrappers are looked through. */
export function valueFormOf(schema: z.ZodType): ValueForm {
  let inner: z.ZodType = schema
  for (;;) {
    const form = forms.get(inner)
    if (form !== undefined) return form
    if (inner instanceof z.ZodOptional || inner instanceof z.ZodDefault || inner instanceof z.ZodNullable) {
      inner = inner.unwrap() as z.ZodType
    } else {
      return { placeholder: 'TEXT', jsonSchema: { type: 'string' } }
    }
  }
}

function withForm<S extends z.ZodType>(schema: S, form: ValueForm): S {
  forms.add(schema, form)
  return schema
}

/** Any text that is not empty. */
export function text(options: { minLength?: number; pattern?: RegExp; placeholder?: string } = {}) {
  let schema = z.string().min(options.minLength ?? 1)
  if (options.pattern !== undefined) schema = schema.regex(options.pattern)
  return withForm(schema, {
    placeholder: options.placeholder ?? 'TEXT',
    jsonSchema: { type: 'string', ...(options.pattern === undefined ? {} : { pattern: options.pattern.source }) },
  })
}

/** A whole number. */
export function integer(options: { min?: number; max?: number } = {}) {
  const { min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER } = options
  const schema = z
    .string()
    .regex(/^-?\d+$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.number().min(min, `must be at least ${min}`).max(max, `must be at most ${max}`))
  return withForm(schema, {
    placeholder: 'N',
    jsonSchema: {
      type: 'integer',
      ...(options.min === undefined ? {} : { minimum: options.min }),
      ...(options.max === undefined ? {} : { maximum: options.max }),
    },
  })
}

/** A number with an optional fraction, e.g. a ratio. */
export function decimal(options: { min?: number; max?: number } = {}) {
  const { min = -Number.MAX_VALUE, max = Number.MAX_VALUE } = options
  const schema = z
    .string()
    .regex(/^-?\d+(\.\d+)?$/, 'must be a number')
    .transform(Number)
    .pipe(z.number().min(min, `must be at least ${min}`).max(max, `must be at most ${max}`))
  return withForm(schema, { placeholder: 'NUMBER', jsonSchema: { type: 'number' } })
}

/** A switch: `--x`, `--no-x`, or true/false, yes/no, on/off, 1/0. */
export function boolean() {
  const schema = z
    .string()
    .toLowerCase()
    .pipe(z.enum(['true', 'false', 'yes', 'no', 'on', 'off', '1', '0'], 'must be true or false'))
    .transform((value) => value === 'true' || value === 'yes' || value === 'on' || value === '1')
  return withForm(schema, { placeholder: '', jsonSchema: { type: 'boolean' }, isBoolean: true })
}

/** One of a few words. */
export function choice<const V extends readonly [string, ...string[]]>(values: V) {
  const schema = z.enum(values, `must be one of ${values.join(', ')}`)
  return withForm(schema, { placeholder: values.join('|'), jsonSchema: { type: 'string', enum: [...values] } })
}

/** Words separated by commas; blanks around them do not count, an empty text is an empty list. */
export function list(options: { item?: z.ZodType<string, string> } = {}) {
  const schema = z
    .string()
    .transform((value) =>
      value
        .split(',')
        .map((item) => item.trim())
        .filter((item) => item !== ''),
    )
    .pipe(z.array(options.item ?? z.string()))
  return withForm(schema, { placeholder: 'A,B', jsonSchema: { type: 'string' } })
}

/** Pairs `name=value` separated by commas, e.g. a secret for each of a few services. */
export function pairs(options: { minValueLength?: number } = {}) {
  const minLength = options.minValueLength ?? 0
  const schema = z.string().transform((value, context): ReadonlyMap<string, string> => {
    const entries = new Map<string, string>()
    for (const part of value.split(',')) {
      const at = part.indexOf('=')
      const name = part.slice(0, at).trim()
      // The part itself may be a secret, so the message names only the left side.
      if (at < 1 || name === '') context.addIssue({ code: 'custom', message: 'must be name=value pairs separated by commas' })
      else if (entries.has(name)) context.addIssue({ code: 'custom', message: `names ${name} twice` })
      else if (part.length - at - 1 < minLength)
        context.addIssue({ code: 'custom', message: `the value of ${name} must have at least ${minLength} characters` })
      else entries.set(name, part.slice(at + 1).trim())
    }
    return entries
  })
  return withForm(schema, { placeholder: 'NAME=VALUE,...', jsonSchema: { type: 'string' } })
}

function url(protocols: readonly string[], placeholder: string) {
  const message = `must be a URL that begins with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`
  const schema = z.string().refine((value) => URL.canParse(value) && protocols.includes(new URL(value).protocol), message)
  return withForm(schema, { placeholder, jsonSchema: { type: 'string', format: 'uri' } })
}

/** An http or https address; a slash at its end is dropped by those who join paths to it. */
export function httpUrl() {
  return url(['http:', 'https:'], 'URL')
}

/** Where Redis is: `redis://`, `rediss://` (TLS), or `redis-sentinel://[user:password@]host:port,host:port/MASTER[/DB]`. */
export function redisUrl() {
  const message = 'must be a URL that begins with redis://, redis-sentinel:// or redis-cluster://, or with rediss for TLS'
  // An address of Sentinels or of a cluster names several hosts, which the URL class refuses; queues/redis-options.ts takes it apart.
  const schema = z.string().regex(/^rediss?(-sentinel|-cluster)?:\/\/[^\s/]+/, message)
  return withForm(schema, { placeholder: 'URL', jsonSchema: { type: 'string', format: 'uri' } })
}

/** A PostgreSQL connection URL. */
export function postgresUrl() {
  return url(['postgres:', 'postgresql:'], 'URL')
}

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** A length of time in milliseconds: `500ms`, `30s`, `1h30m`, `7d`; a bare number is milliseconds. */
export function durationMs(options: { minMs?: number; maxMs?: number } = {}) {
  const { minMs = 0, maxMs = Number.MAX_SAFE_INTEGER } = options
  const schema = z
    .string()
    .regex(/^(\d+|(\d+(\.\d+)?(ms|s|m|h|d))+)$/, 'must be a duration such as 500ms, 30s, 15m, 1h30m or 7d')
    .transform((value) => {
      if (/^\d+$/.test(value)) return Number(value)
      let total = 0
      for (const part of value.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) total += Number(part[1]) * (unitMs[part[2] ?? ''] ?? Number.NaN)
      return Math.round(total)
    })
    .pipe(z.number().min(minMs, `must be at least ${minMs}ms`).max(maxMs, `must be at most ${maxMs}ms`))
  return withForm(schema, { placeholder: 'DURATION', jsonSchema: { type: 'string', pattern: '^(\\d+|(\\d+(\\.\\d+)?(ms|s|m|h|d))+)$' } })
}

const unitBytes: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 1000,
  kb: 1000,
  m: 1e6,
  mb: 1e6,
  g: 1e9,
  gb: 1e9,
  t: 1e12,
  tb: 1e12,
  ki: 1024,
  kib: 1024,
  mi: 1024 ** 2,
  mib: 1024 ** 2,
  gi: 1024 ** 3,
  gib: 1024 ** 3,
  ti: 1024 ** 4,
  tib: 1024 ** 4,
}

/** A number of bytes: `512MiB`, `2Gi`, `10MB`; a bare number is bytes. */
export function byteSize(options: { minBytes?: number; maxBytes?: number } = {}) {
  const { minBytes = 0, maxBytes = Number.MAX_SAFE_INTEGER } = options
  const schema = z
    .string()
    .regex(/^\d+(\.\d+)?\s*([kmgt]i?)?b?$/i, 'must be a size such as 64KiB, 512MiB or 2GiB')
    .transform((value) => {
      const [, number = '', unit = ''] = /^([\d.]+)\s*([a-z]*)$/i.exec(value) ?? []
      return Math.round(Number(number) * (unitBytes[unit.toLowerCase()] ?? Number.NaN))
    })
    .pipe(z.number().min(minBytes, `must be at least ${minBytes} bytes`).max(maxBytes, `must be at most ${maxBytes} bytes`))
  return withForm(schema, { placeholder: 'SIZE', jsonSchema: { type: ['string', 'integer'] } })
}
