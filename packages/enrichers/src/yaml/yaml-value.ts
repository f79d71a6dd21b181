/** A whole number of any size, in digits. */
export class YamlInteger {
  constructor(readonly digits: string) {}
}

/** A number with a fraction or an exponent, which stays one where it is whole by chance: 8.0. */
export class YamlFloat {
  constructor(readonly value: number) {}
}

/** A moment; enrichers of upstream get it as Go prints it, others in RFC 3339. */
export class YamlTime {
  constructor(
    readonly rfc3339: string,
    readonly goText: string,
  ) {}
}

/** A value of a YAML document with what JSON would lose. */
export type YamlValue = null | boolean | string | YamlInteger | YamlFloat | YamlTime | YamlValue[] | YamlMap

/** A map in the order of the document. */
export type YamlMap = Map<string, YamlValue>

/** How moments become text: as Go's fmt prints a time.Time, or as JSON has it. */
export type TimeForm = 'go' | 'rfc3339'

/** A document grew beyond the limit when its aliases were followed, or holds what JSON cannot say. */
class YamlContentError extends Error {}

const limitValues = 200_000
const limitBytes = 4 * 1024 * 1024

/** JSON text of a value. Aliases are written out, so a small document may become a large text: it is cut off with an error. */
export function jsonTextOf(value: YamlValue, times: TimeForm): string {
  const parts: string[] = []
  let values = 0
  let bytes = 0
  const put = (text: string): void => {
    bytes += text.length
    if (bytes > limitBytes) throw new YamlContentError(`with its aliases written out it is larger than ${limitBytes / 1024 / 1024} MiB`)
    parts.push(text)
  }
  const write = (item: YamlValue): void => {
    if (++values > limitValues) throw new YamlContentError(`with its aliases written out it has more than ${limitValues} values`)
    if (Array.isArray(item)) {
      put('[')
      for (const [index, entry] of item.entries()) {
        if (index > 0) put(',')
        write(entry)
      }
      put(']')
    } else if (item instanceof Map) {
      put('{')
      let isFirst = true
      for (const [key, entry] of item) {
        put(`${isFirst ? '' : ','}${JSON.stringify(key)}:`)
        isFirst = false
        write(entry)
      }
      put('}')
    } else put(scalarJson(item, times))
  }
  write(value)
  return parts.join('')
}

function scalarJson(value: Exclude<YamlValue, YamlValue[] | YamlMap>, times: TimeForm): string {
  if (value instanceof YamlInteger) return value.digits
  if (value instanceof YamlFloat) return floatJson(value.value)
  if (value instanceof YamlTime) return JSON.stringify(times === 'go' ? value.goText : value.rfc3339)
  return JSON.stringify(value)
}

function floatJson(value: number): string {
  if (!Number.isFinite(value)) throw new YamlContentError(`${value} is no number that JSON has; write it as text`)
  const text = String(value)
  return /[.e]/.test(text) ? text : `${text}.0`
}

/** The value as JavaScript has it: whole numbers beyond 2^53 lose digits, moments are RFC 3339. */
export function plainOf(value: YamlValue): unknown {
  return JSON.parse(jsonTextOf(value, 'rfc3339'))
}
