import { access, mkdir, open, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { PharosError } from '@pharos/contracts'
import type { DatabaseStatus, UsedDatabase } from '../model/scanner.js'
import { sampleDatabaseMarker } from '../model/scanner.js'
import { runTool } from '../process/process-runner.js'
import { timestampOrNull } from '../model/timestamp.js'
import { TrivyDatabaseMetadata } from './schema.js'

const importTimeoutMs = 10 * 60_000
const outputLimitBytes = 1024 * 1024
/** Version of the database's form that the supported Trivy versions read. */
const supportedVersion = 2
/** Files of Trivy's database, in the archive of its OCI artifact at the top, in ours below `db/`. */
const databaseFile = 'trivy.db'

/** Reads what a Trivy database says of itself. @throws PharosError `database-missing`, `database-damaged`, `database-unsupported` */
export async function readTrivyDatabase(directory: string): Promise<UsedDatabase> {
  const metadata = await readMetadata(directory)
  if (metadata.Version !== supportedVersion)
    throw new PharosError('database-unsupported', `Trivy's database has version ${metadata.Version}; ${supportedVersion} is read.`)
  if (!(await hasBoltMagic(join(directory, 'db', databaseFile)))) throw new PharosError('database-damaged', 'trivy.db is not a database.')
  return {
    schemaVersion: `v${metadata.Version}`,
    builtAt: timestampOrNull(metadata.UpdatedAt),
    checksum: null,
    isSample: await exists(join(directory, 'db', `${sampleDatabaseMarker}.json`)),
  }
}

/** Databases of Trivy: archives of `db/trivy.db` and `db/metadata.json`, tar or tar.gz. */
export class TrivyDatabases {
  constructor(private readonly tarProgram = 'tar') {}

  /**
   * Unpacks an archive into an empty folder; only the known files leave it.
   * @throws PharosError `database-damaged`, `database-unsupported`, `disk-full`
   */
  async import(archivePath: string, directory: string, workDirectory: string, signal?: AbortSignal): Promise<DatabaseStatus> {
    const names = await this.names(archivePath, workDirectory, signal)
    const wanted = names.filter((name) =>
      [databaseFile, 'metadata.json', `${sampleDatabaseMarker}.json`].some(
        (file) => name.replace(/^\.\//, '') === file || name.replace(/^\.\//, '') === `db/${file}`,
      ),
    )
    const target = wanted.some((name) => name.includes('db/')) ? directory : join(directory, 'db')
    await mkdir(target, { recursive: true })
    if (wanted.length > 0) {
      await this.tar(
        ['-x', '-f', archivePath, '-C', target, '--no-same-owner', '--no-same-permissions', '--', ...wanted],
        workDirectory,
        signal,
      )
    }
    return this.status(directory)
  }

  async status(directory: string): Promise<DatabaseStatus> {
    try {
      return { ...(await readTrivyDatabase(directory)), engine: 'trivy', directory }
    } catch (error) {
      if (error instanceof PharosError && error.code === 'database-missing')
        throw new PharosError('database-damaged', 'The archive holds no trivy.db with its metadata.json.', { cause: error })
      throw error
    }
  }

  private async names(archivePath: string, workDirectory: string, signal: AbortSignal | undefined): Promise<string[]> {
    const listed = await this.tar(['-t', '-f', archivePath], workDirectory, signal)
    // A name that begins with "-" or climbs out is not one of ours and never reaches an argument list.
    return listed.split('\n').filter((name) => /^(?:\.\/)?(?:db\/)?[a-z.-]+$/.test(name) && !name.startsWith('-') && !name.includes('..'))
  }

  private async tar(args: string[], workDirectory: string, signal: AbortSignal | undefined): Promise<string> {
    const result = await runTool({
      tool: 'tar',
      program: this.tarProgram,
      args,
      workDirectory,
      output: { limitBytes: outputLimitBytes },
      timeoutMs: importTimeoutMs,
      ...(signal === undefined ? {} : { signal }),
    })
    if (result.exitCode === 0) return result.stdout.toString('utf8')
    if (/no space left on device/i.test(result.stderr)) throw new PharosError('disk-full', 'There is no room for the database of trivy.')
    throw new PharosError('database-damaged', `The archive cannot be unpacked: ${result.stderr.slice(-400)}`)
  }
}

async function readMetadata(directory: string): Promise<{ Version: number; UpdatedAt: string }> {
  let text: string
  try {
    text = await readFile(join(directory, 'db', 'metadata.json'), 'utf8')
    await access(join(directory, 'db', databaseFile))
  } catch (cause) {
    throw new PharosError('database-missing', 'There is no database of trivy.', { cause })
  }
  try {
    return TrivyDatabaseMetadata.parse(JSON.parse(text))
  } catch (cause) {
    throw new PharosError('database-damaged', 'The metadata of the database of trivy cannot be read.', { cause })
  }
}

/** A bbolt file's first meta page begins with a page header of 16 bytes, then the magic number (go.etcd.io/bbolt, db.go). */
async function hasBoltMagic(path: string): Promise<boolean> {
  if ((await stat(path)).size < 4096) return false
  const file = await open(path, 'r')
  try {
    const { buffer } = await file.read(Buffer.alloc(4), 0, 4, 16)
    return buffer.readUInt32LE(0) === 0xed0cdaed
  } finally {
    await file.close()
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path)
    return true
  } catch {
    return false
  }
}
