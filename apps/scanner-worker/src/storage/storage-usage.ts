import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Injectable } from '@nestjs/common'
import { InjectConfiguration } from '@pharos/service-kit'
import type { WorkerConfiguration } from '../configuration.js'
import { storageLayout } from './storage-layout.js'

/** A scrape does not walk the disk more often than this. */
const keptMs = 60_000

/** Bytes on disk of each cache, measured at most once a minute. */
@Injectable()
export class StorageUsage {
  private measured: { readonly atMs: number; readonly bytes: Promise<Record<string, number>> } | undefined

  constructor(@InjectConfiguration() private readonly configuration: WorkerConfiguration) {}

  read(): Promise<Record<string, number>> {
    if (this.measured === undefined || performance.now() - this.measured.atMs > keptMs)
      this.measured = { atMs: performance.now(), bytes: this.measure() }
    return this.measured.bytes
  }

  private async measure(): Promise<Record<string, number>> {
    const { blobs, layers, databases, temporary } = storageLayout(this.configuration)
    const entries = await Promise.all(
      Object.entries({ blobs, layers, databases, temporary }).map(
        async ([name, directory]) => [name, await directoryBytes(directory)] as const,
      ),
    )
    return Object.fromEntries(entries)
  }
}

async function directoryBytes(directory: string): Promise<number> {
  let bytes = 0
  for (const entry of await readdir(directory, { withFileTypes: true }).catch(() => [])) {
    const path = join(directory, entry.name)
    // A cache changes while it is measured: what is gone counts nothing.
    if (entry.isDirectory()) bytes += await directoryBytes(path)
    else if (entry.isFile())
      bytes += await stat(path).then(
        ({ size }) => size,
        () => 0,
      )
  }
  return bytes
}
