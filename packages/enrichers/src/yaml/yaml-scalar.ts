import { YamlFloat, YamlInteger, YamlTime, type YamlValue } from './yaml-value.js'

const words = new Map<string, YamlValue>([
  ['', null],
  ['~', null],
  ...['null', 'Null', 'NULL'].map((word) => [word, null] as const),
  ...['true', 'True', 'TRUE'].map((word) => [word, true] as const),
  ...['false', 'False', 'FALSE'].map((word) => [word, false] as const),
  ...['.nan', '.NaN', '.NAN'].map((word) => [word, new YamlFloat(Number.NaN)] as const),
  ...['.inf', '.Inf', '.INF', '+.inf', '+.Inf', '+.INF'].map((word) => [word, new YamlFloat(Number.POSITIVE_INFINITY)] as const),
  ...['-.inf', '-.Inf', '-.INF'].map((word) => [word, new YamlFloat(Number.NEGATIVE_INFINITY)] as const),
])

const floatPattern = /^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$/
const dayPattern = /^(\d{4})-(\d{1,2})-(\d{1,2})$/
const momentPattern = /^(\d{4})-(\d{1,2})-(\d{1,2})(?:[Tt]| )(\d{1,2}):(\d{1,2}):(\d{1,2})(\.\d{1,9})?(Z|[-+]\d{2}:\d{2})?$/
const limitUint64 = 1n << 64n
const limitInt64 = 1n << 63n

/**
 * What a plain scalar means to the YAML library that upstream Pharos reads its files with (gopkg.in/yaml.v3): `yes` is a text, 012 is
 * octal, 1_000 a number, 2027-05-01 a moment. Quoted scalars are always texts and do not come here.
 */
export function resolvePlainScalar(text: string): YamlValue {
  const word = words.get(text)
  if (word !== undefined) return word
  if (!/^[-+.0-9]/.test(text)) return text
  return timeOf(text) ?? numberOf(text.replaceAll('_', '')) ?? text
}

function numberOf(text: string): YamlInteger | YamlFloat | undefined {
  const integer = integerOf(text)
  if (integer !== undefined && integer < limitUint64 && integer >= -limitInt64) return new YamlInteger(integer.toString())
  if (floatPattern.test(text)) return new YamlFloat(Number(text))
  return integer === undefined ? undefined : new YamlFloat(Number(integer))
}

/** Decimal, 0x, 0b, 0o, and 0 before octal digits, as Go's ParseInt takes them with base 0. */
function integerOf(text: string): bigint | undefined {
  const match = /^([-+]?)(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO][0-7]+|0[0-7]+|0|[1-9][0-9]*)$/.exec(text)
  if (!match?.[2]) return undefined
  const digits = /^0[0-7]+$/.test(match[2]) ? `0o${match[2].slice(1)}` : match[2]
  return match[1] === '-' ? -BigInt(digits) : BigInt(digits)
}

function timeOf(text: string): YamlTime | undefined {
  const match = dayPattern.exec(text) ?? momentPattern.exec(text)
  if (!match) return undefined
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = '', zone] = match
  // Only the form with T has a zone, and it must have one.
  if (/[Tt]/.test(text) !== (zone !== undefined)) return undefined
  const parts = [month, day, hour, minute, second].map((part) => (part ?? '').padStart(2, '0'))
  const [mo, d, h, mi, s] = parts as [string, string, string, string, string]
  const moment = new Date(`${year}-${mo}-${d}T${h}:${mi}:${s}Z`)
  // Date takes the 31st of February for the 3rd of March.
  if (Number.isNaN(moment.getTime()) || moment.getUTCDate() !== Number(d) || Number(h) > 23) return undefined
  const rest = fraction.replace(/\.?0+$/, '')
  const isUtc = zone === undefined || zone === 'Z' || zone === '+00:00'
  const offset = (zone ?? '').replace(':', '')
  return new YamlTime(
    `${year}-${mo}-${d}T${h}:${mi}:${s}${rest}${isUtc ? 'Z' : zone}`,
    `${year}-${mo}-${d} ${h}:${mi}:${s}${rest} ${isUtc ? '+0000 UTC' : `${offset} ${offset}`}`,
  )
}
