import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { PharosError, RematchChunkResults } from '@pharos/contracts'

const inflate = promisify(gunzip)
const inflatedLimitBytes = 512 * 1024 * 1024

/** Reads the gzip JSON of a chunk's results, inflated off the main thread. Throws `report-invalid` for anything else. */
export async function readChunkResults(compressed: Buffer): Promise<RematchChunkResults> {
  let value: unknown
  try {
    value = JSON.parse((await inflate(compressed, { maxOutputLength: inflatedLimitBytes })).toString('utf8'))
  } catch (error) {
    throw new PharosError('report-invalid', 'The results of the re-match are no gzip JSON within the limit.', { cause: error })
  }
  const parsed = RematchChunkResults.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new PharosError(
    'report-invalid',
    `The results of the re-match do not fit the contract at ${issue?.path.join('.')}: ${issue?.message}`,
  )
}
