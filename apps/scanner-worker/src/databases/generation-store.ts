import { mkdir, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Injectable } from '@nestjs/common'
import { type EngineName, type GenerationRef, PharosError } from '@pharos/contracts'
import { WorkDirectories } from '@pharos/scanners'
import { InjectConfiguration, PharosLogger } from '@pharos/service-kit'
import type { WorkerConfiguration } from '../configuration.js'
import { EngineTools } from '../engines/engine-tools.js'
import { ResultsClient } from '../results/results.client.js'
import { storageLayout } from '../storage/storage-layout.js'

/** Written last: a folder without it is an import that did not end. */
const readyFile = '.pharos-ready'

/** A database in use; it is not removed before it is released. */
export interface HeldGeneration {
  readonly directory: string
  release(): void
}

/**
 * Database generations on this machine. Each is downloaded from results-service by its checksum, imported once by its engine into a
 * folder of its own, and kept until newer ones push it out.
 */
@Injectable()
export class GenerationStore {
  private readonly importing = new Map<string, Promise<void>>()
  private readonly held = new Map<string, number>()
  private readonly root: string

  constructor(
    private readonly results: ResultsClient,
    private readonly tools: EngineTools,
    private readonly workDirectories: WorkDirectories,
    private readonly logger: PharosLogger,
    @InjectConfiguration() private readonly configuration: WorkerConfiguration,
  ) {
    this.root = storageLayout(configuration).databases
  }

  /** @throws PharosError `database-damaged`, `database-unsupported`, `engine-unavailable`, `upstream-unavailable`, `disk-full` */
  async hold(generation: GenerationRef): Promise<HeldGeneration> {
    const checksum = checksumHex(generation.checksum)
    const directory = join(this.root, generation.engine, checksum)
    this.held.set(directory, (this.held.get(directory) ?? 0) + 1)
    let isReleased = false
    const release = (): void => {
      if (isReleased) return
      isReleased = true
      this.held.set(directory, (this.held.get(directory) ?? 1) - 1)
    }
    try {
      if (!(await isReady(directory))) await this.importOnce(generation, checksum, directory)
      const now = new Date()
      await utimes(join(directory, readyFile), now, now)
      return { directory, release }
    } catch (error) {
      release()
      throw problemOfDisk(error)
    }
  }

  private importOnce(generation: GenerationRef, checksum: string, directory: string): Promise<void> {
    const running = this.importing.get(directory)
    if (running !== undefined) return running
    const work = this.import(generation, checksum, directory).finally(() => this.importing.delete(directory))
    this.importing.set(directory, work)
    return work
  }

  private async import(generation: GenerationRef, checksum: string, directory: string): Promise<void> {
    const work = await this.workDirectories.create('database')
    try {
      const archive = join(work, 'archive')
      const actual = await this.results.archive(generation.id, archive, generation.sizeBytes)
      if (actual !== checksum)
        throw new PharosError('database-damaged', `The archive of the database has the checksum ${actual} instead of ${checksum}.`)
      const imported = join(work, 'imported')
      await mkdir(imported)
      const status = await this.tools.databases(generation.engine).import(archive, imported, work)
      await writeFile(join(imported, readyFile), JSON.stringify({ ...status, directory: undefined }))
      await mkdir(join(this.root, generation.engine), { recursive: true })
      await moveIntoPlace(imported, directory)
      this.logger.info('database imported', {
        engine: generation.engine,
        checksum,
        schemaVersion: status.schemaVersion,
        builtAt: status.builtAt,
        isSample: status.isSample,
      })
      await this.evict(generation.engine)
    } finally {
      await this.workDirectories.remove(work)
    }
  }

  private async evict(engine: EngineName): Promise<void> {
    const folder = join(this.root, engine)
    const entries = await Promise.all(
      (await readdir(folder)).map(async (name) => {
        const directory = join(folder, name)
        return {
          directory,
          usedAtMs: await stat(join(directory, readyFile)).then(
            ({ mtimeMs }) => mtimeMs,
            () => 0,
          ),
        }
      }),
    )
    const oldest = entries.sort((a, b) => b.usedAtMs - a.usedAtMs).slice(this.configuration.caches.generations)
    for (const { directory } of oldest) if ((this.held.get(directory) ?? 0) === 0) await rm(directory, { recursive: true, force: true })
  }
}

function checksumHex(checksum: string): string {
  const hex = checksum.replace(/^sha256:/, '')
  if (!/^[a-f0-9]{64}$/.test(hex)) throw new PharosError('database-damaged', 'The database has no SHA-256 checksum.')
  return hex
}

async function isReady(directory: string): Promise<boolean> {
  return stat(join(directory, readyFile)).then(
    () => true,
    () => false,
  )
}

/** Another worker of this machine may have been faster: then its folder stands. */
async function moveIntoPlace(from: string, to: string): Promise<void> {
  try {
    await rename(from, to)
  } catch (error) {
    if (!(await isReady(to))) throw error
  }
}

function problemOfDisk(error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException).code
  return code === 'ENOSPC' || code === 'EDQUOT'
    ? new PharosError('disk-full', 'There is no room for the vulnerability database.', { cause: error })
    : error
}
