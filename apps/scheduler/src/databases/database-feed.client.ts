import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import type { Readable } from 'node:stream'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Injectable } from '@nestjs/common'
import { PharosError } from '@pharos/contracts'
import { InjectConfiguration } from '@pharos/service-kit'
import axios from 'axios'
import type { SchedulerConfiguration } from '../configuration.js'
import { type OfferedDatabase, readListing } from './database-feed.js'

const listingTimeoutMs = 30_000
const listingLimitBytes = 1024 * 1024

/** Reads the feed of Grype's database. */
@Injectable()
export class DatabaseFeedClient {
  constructor(@InjectConfiguration() private readonly configuration: SchedulerConfiguration) {}

  /** What the feed offers now. @throws PharosError `database-feed-invalid` */
  async offered(signal: AbortSignal): Promise<OfferedDatabase> {
    const { feedUrl } = this.configuration.databases
    try {
      const response = await axios.get<unknown>(feedUrl, {
        signal,
        timeout: listingTimeoutMs,
        maxContentLength: listingLimitBytes,
        responseType: 'json',
      })
      return readListing(feedUrl, response.data)
    } catch (error) {
      throw feedProblem(error, feedUrl)
    }
  }

  /** Downloads an archive, its size bounded and its checksum verified. @throws PharosError `database-feed-invalid`, `database-damaged`, `disk-full` */
  async download(offered: OfferedDatabase, file: string, signal: AbortSignal): Promise<void> {
    const { archiveLimitBytes, downloadTimeoutMs } = this.configuration.databases
    const limit = AbortSignal.any([signal, AbortSignal.timeout(downloadTimeoutMs)])
    const hash = createHash('sha256')
    let seenBytes = 0
    const check = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        seenBytes += chunk.byteLength
        hash.update(chunk)
        if (seenBytes > archiveLimitBytes)
          done(new PharosError('database-feed-invalid', `The archive is larger than ${archiveLimitBytes} bytes.`))
        else done(null, chunk)
      },
    })
    try {
      const response = await axios.get<Readable>(offered.archiveUrl, { signal: limit, responseType: 'stream' })
      await pipeline(response.data, check, createWriteStream(file), { signal: limit })
    } catch (error) {
      throw feedProblem(error, offered.archiveUrl)
    }
    if (hash.digest('hex') !== offered.sha256)
      throw new PharosError('database-damaged', 'The downloaded archive does not have the checksum that the listing states.')
  }
}

function feedProblem(error: unknown, url: string): PharosError {
  if (error instanceof PharosError) return error
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown reason'
  if (code === 'ENOSPC') return new PharosError('disk-full', 'There is no room for the database archive.', { cause: error })
  const status = axios.isAxiosError(error) && error.response ? ` answered ${error.response.status}` : ` cannot be read (${code})`
  return new PharosError('database-feed-invalid', `${url}${status}.`, { cause: error })
}
