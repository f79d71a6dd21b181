import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { pharosHome, repositoryDirectory, toolPath } from '../paths.js'
import { withLock } from '../../plain/lock-file.mjs'
import type { Availability } from '../registry/other-registries.js'

const run = promisify(execFile)

/** `current` is made from facts.json, `next` from facts-next.json: the database of the day after. */
export type SampleEdition = 'current' | 'next'

/** Vulnerability databases in the scanners' official formats, made from the facts in the repository. */
export interface SampleDatabases {
  edition: SampleEdition
  grype: {
    /** The archive for `grype db import`. */
    archivePath: string
    /** Folder with `latest.json` and the archive, as a download site serves it. */
    directory: string
    checksum: string
    builtAt: string
  }
  trivy: {
    /** A cache folder for `trivy --cache-dir`. */
    directory: string
  }
}

const factsFiles: Record<SampleEdition, string> = { current: 'facts.json', next: 'facts-next.json' }

/** A database is made again when it is older than this: Grype refuses one of more than five days. */
const maxAgeMs = 24 * 3600 * 1000

/** Makes the sample databases, or takes those that were made from the same facts today. */
export async function sampleDatabases(edition: SampleEdition = 'current'): Promise<Availability<SampleDatabases>> {
  const program = toolPath('pharos-sampledb')
  if (!existsSync(program)) return { isAvailable: false, reason: 'pharos-sampledb was not built; it needs Go' }
  const directory = join(pharosHome(), 'cache', 'sample-databases', `${edition}-${await inputsHash(program)}`)
  const recordPath = join(directory, 'record.json')
  const value = await withLock(join(pharosHome(), 'cache', `sample-databases-${edition}.lock`), async () => {
    if (!(await isFresh(recordPath))) {
      await rm(directory, { recursive: true, force: true })
      await mkdir(directory, { recursive: true })
      await writeFile(recordPath, JSON.stringify(await make(program, edition, directory)))
    }
    return JSON.parse(await readFile(recordPath, 'utf8')) as SampleDatabases
  })
  return { isAvailable: true, value }
}

async function make(program: string, edition: SampleEdition, directory: string): Promise<SampleDatabases> {
  const facts = join(repositoryDirectory, 'tools', 'facts', factsFiles[edition])
  const grypeDirectory = join(directory, 'grype')
  const trivyDirectory = join(directory, 'trivy')
  const grype = await run(program, ['grype', '--facts', facts, '--out', grypeDirectory])
  await run(program, ['trivy', '--facts', facts, '--out', trivyDirectory])
  const { archivePath, checksum, builtAt } = JSON.parse(lastLine(grype.stdout)) as {
    archivePath: string
    checksum: string
    builtAt: string
  }
  return { edition, grype: { archivePath, directory: grypeDirectory, checksum, builtAt }, trivy: { directory: trivyDirectory } }
}

async function inputsHash(program: string): Promise<string> {
  const hash = createHash('sha256').update(String((await stat(program)).mtimeMs))
  for (const name of Object.values(factsFiles)) hash.update(await readFile(join(repositoryDirectory, 'tools', 'facts', name)))
  return hash.digest('hex').slice(0, 16)
}

async function isFresh(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined)
  return found !== undefined && Date.now() - found.mtimeMs < maxAgeMs
}

function lastLine(text: string): string {
  return text.trimEnd().split('\n').at(-1) ?? ''
}
