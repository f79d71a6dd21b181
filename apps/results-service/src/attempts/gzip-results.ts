import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { PharosError } from '@pharos/contracts'
import type { z } from 'zod'

const inflate = promisify(gunzip)
const inflatedLimitBytes = 512 * 1024 * 1024

/** Reads the gzip JSON of what a worker delivers, inflated off the main thread. Throws `report-invalid` for anything else. */
export async function readGzipResults<S extends z.ZodType>(compressed: Buffer, schema: S, name: string): Promise<z.infer<S>> {
  let value: unknown
  try {
    value = JSON.parse((await inflate(compressed, { maxOutputLength: inflatedLimitBytes })).toString('utf8'))
  } catch (error) {
    throw new PharosError('report-invalid', `The results of ${name} are no gzip JSON within the limit.`, { cause: error })
  }
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new PharosError('report-invalid', `The results of ${name} do not fit the contract at ${issue?.path.join('.')}: ${issue?.message}`)
}
