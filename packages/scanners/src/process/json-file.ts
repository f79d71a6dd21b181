import { readFile, stat } from 'node:fs/promises'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { PharosError, type ProblemCode } from '@pharos/contracts'
import type { z } from 'zod'

const gunzipAsync = promisify(gunzip)

/** What to do with a document that cannot be read: which problem it is, and its name for people. */
export interface JsonDocument<S extends z.ZodType> {
  readonly schema: S
  readonly name: string
  readonly limitBytes: number
  readonly problem: Extract<ProblemCode, 'engine-output-invalid' | 'sbom-invalid'>
}

/** Reads a JSON file, plain or gzip (told by its first bytes), no larger than the limit once unpacked. */
export async function readJsonFile<S extends z.ZodType>(path: string, document: JsonDocument<S>): Promise<z.output<S>> {
  if ((await stat(path)).size > document.limitBytes) throw tooLarge(document)
  const bytes = await readFile(path)
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return parseJson(bytes, document)
  return parseJson(await unpack(bytes, document), document)
}

async function unpack<S extends z.ZodType>(bytes: Buffer, document: JsonDocument<S>): Promise<Buffer> {
  try {
    return await gunzipAsync(bytes, { maxOutputLength: document.limitBytes })
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(document)
    throw new PharosError(document.problem, `${document.name} is damaged gzip.`, { cause })
  }
}

/** Parses a document leniently: only needed fields are looked at. @throws PharosError the document's problem */
export function parseJson<S extends z.ZodType>(content: Buffer | string, document: JsonDocument<S>): z.output<S> {
  if (content.length === 0) throw new PharosError(document.problem, `${document.name} is empty.`)
  let value: unknown
  try {
    value = JSON.parse(content.toString('utf8'))
  } catch (cause) {
    throw new PharosError(document.problem, `${document.name} is not whole JSON (${Buffer.byteLength(content)} bytes).`, { cause })
  }
  const parsed = document.schema.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new PharosError(
    document.problem,
    `${document.name} does not have the expected form at ${issue?.path.join('.') ?? '?'}: ${issue?.message ?? ''}`.slice(0, 1000),
    { cause: parsed.error },
  )
}

/** The problem of a document that is larger than its limit. */
export function tooLarge<S extends z.ZodType>(document: JsonDocument<S>): PharosError {
  return new PharosError(document.problem, `${document.name} is larger than ${document.limitBytes} bytes.`)
}
