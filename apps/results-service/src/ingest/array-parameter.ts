/** Arrays as query parameters. One array a column and `unnest` make any number of rows one statement without a parameter limit. */

const textOid = 25
const jsonOid = 114
const int8Oid = 20
const int2Oid = 21

/** Of an array of one dimension that is not empty: dimensions, whether there are nulls, type, length, lower bound. */
const headBytes = 20

/**
 * A text[] in PostgreSQL's binary form, which neither side has to quote: half the time of an ingest went into quotes.
 * `null` stands for SQL null. Values must have gone through `storedText`, or be JSON; bytes are UTF-8.
 */
export function textArray(values: readonly (string | Uint8Array | null)[]): Buffer {
  return arrayOf(textOid, values)
}

/** A json[] in the same form: what is JSON already takes no way around text. */
export function jsonArray(values: readonly (string | Uint8Array | null)[]): Buffer {
  return arrayOf(jsonOid, values)
}

function arrayOf(elementOid: number, values: readonly (string | Uint8Array | null)[]): Buffer {
  let size = 20
  for (const value of values) size += 4 + (value === null ? 0 : typeof value === 'string' ? Buffer.byteLength(value) : value.byteLength)
  const buffer = Buffer.allocUnsafe(values.length === 0 ? 12 : size)
  buffer.writeInt32BE(values.length === 0 ? 0 : 1, 0)
  buffer.writeInt32BE(values.includes(null) ? 1 : 0, 4)
  buffer.writeInt32BE(elementOid, 8)
  if (values.length === 0) return buffer
  buffer.writeInt32BE(values.length, 12)
  buffer.writeInt32BE(1, 16)
  let offset = 20
  for (const value of values) {
    if (value === null) {
      offset = buffer.writeInt32BE(-1, offset)
      continue
    }
    let written: number
    if (typeof value === 'string') written = buffer.write(value, offset + 4)
    else {
      buffer.set(value, offset + 4)
      written = value.byteLength
    }
    buffer.writeInt32BE(written, offset)
    offset += 4 + written
  }
  return buffer
}

/** An int8[] in the same form, of safe integers that are not negative: ids. */
export function idArray(values: readonly number[]): Buffer {
  const buffer = fixedArray(int8Oid, values.length, 8)
  let offset = headBytes
  for (const value of values) {
    buffer.writeUInt32BE(Math.floor(value / 2 ** 32), offset + 4)
    offset = buffer.writeUInt32BE(value % 2 ** 32, offset + 8)
  }
  return buffer
}

/** An int2[] in the same form: codes of literals. */
export function codeArray(values: readonly number[]): Buffer {
  const buffer = fixedArray(int2Oid, values.length, 2)
  let offset = headBytes
  for (const value of values) offset = buffer.writeInt16BE(value, offset + 4)
  return buffer
}

/** Head and lengths of an array whose values all have the same size. */
function fixedArray(elementOid: number, count: number, valueBytes: number): Buffer {
  const buffer = Buffer.allocUnsafe(count === 0 ? 12 : headBytes + count * (4 + valueBytes))
  buffer.writeInt32BE(count === 0 ? 0 : 1, 0)
  buffer.writeInt32BE(0, 4)
  buffer.writeInt32BE(elementOid, 8)
  if (count === 0) return buffer
  buffer.writeInt32BE(count, 12)
  buffer.writeInt32BE(1, 16)
  for (let offset = headBytes; offset < buffer.byteLength; offset += 4 + valueBytes) buffer.writeInt32BE(valueBytes, offset)
  return buffer
}

/** An array of numbers, booleans or UUIDs: none of them needs quotes. */
export function plainArray(values: readonly (string | number | boolean | null)[]): string {
  return values.includes(null) ? `{${values.map((value) => value ?? 'null').join(',')}}` : `{${values.join(',')}}`
}
