import { lstat, readdir, readFile, realpath, stat } from 'node:fs/promises'
import { basename, dirname, join, relative, sep } from 'node:path'
import type { EnricherFile, EnricherProblem } from '@pharos/contracts'
import type { ReadEnrichers } from '../format/enricher-set.js'
import { readEnricherFiles } from '../format/read-files.js'
import { setLimits, tooLarge } from '../format/set-files.js'

export type ReadFolder = { ok: true; files: EnricherFile[]; name: string } | { ok: false; problems: EnricherProblem[] }

/** Reads a set from a folder, or from the folder of the `enrichers.yaml` or `enricher.yaml` that is named. */
export async function readEnricherFolder(path: string): Promise<ReadEnrichers> {
  const read = await readFolderFiles(path)
  return read.ok ? readEnricherFiles(read.files, { name: read.name }) : read
}

/**
 * The text files of a folder, those whose name begins with a dot left out. A link is followed as far as it stays in the folder, since a
 * mounted ConfigMap is made of links; one that leads out is a problem, and so is a file that is no text or too large.
 */
export async function readFolderFiles(path: string): Promise<ReadFolder> {
  let root: string
  try {
    root = await realpath((await stat(path)).isDirectory() ? path : dirname(path))
  } catch (error) {
    return { ok: false, problems: [{ file: '', message: `The folder ${path} cannot be read: ${reasonOf(error)}.` }] }
  }
  const reader = new FolderReader(root)
  await reader.read(root)
  if (reader.problems.length > 0) return { ok: false, problems: reader.problems }
  return { ok: true, files: reader.files, name: nameOf(root) }
}

/** The folder's name, where it can be that of an enricher. */
function nameOf(root: string): string {
  return (
    basename(root)
      .replaceAll(/[^A-Za-z0-9._-]/g, '-')
      .replace(/^[^A-Za-z0-9]+/, '')
      .slice(0, 63) || 'results'
  )
}

class FolderReader {
  readonly files: EnricherFile[] = []
  readonly problems: EnricherProblem[] = []
  private readonly seen = new Set<string>()
  private entries = 0

  constructor(private readonly root: string) {}

  async read(folder: string): Promise<void> {
    this.seen.add(await realpath(folder))
    for (const entry of (await readdir(folder)).toSorted()) {
      if (entry.startsWith('.')) continue
      if (++this.entries > setLimits.files) {
        if (this.entries === setLimits.files + 1)
          this.problems.push({ file: '', message: `The folder has more than ${setLimits.files} entries; it is no set of enrichers.` })
        return
      }
      await this.readEntry(join(folder, entry))
    }
  }

  private async readEntry(path: string): Promise<void> {
    const file = relative(this.root, path).split(sep).join('/')
    try {
      const target = (await lstat(path)).isSymbolicLink() ? await realpath(path) : path
      if (target !== path && target !== this.root && !target.startsWith(this.root + sep)) {
        this.problems.push({ file, message: 'This link leads out of the folder of the set. Put the file itself here.' })
        return
      }
      const facts = await stat(target)
      if (facts.isDirectory()) {
        if (!this.seen.has(target)) await this.read(path)
      } else if (!facts.isFile()) this.problems.push({ file, message: 'This is neither a file nor a folder.' })
      else if (facts.size > setLimits.fileBytes) this.problems.push({ file, message: tooLarge(facts.size) })
      else this.files.push({ path: file, content: textOf(await readFile(target)) })
    } catch (error) {
      this.problems.push({ file, message: `This cannot be read: ${reasonOf(error)}.` })
    }
  }
}

class NoTextError extends Error {}

/** @throws when the bytes are no UTF-8. */
export function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new NoTextError('it is no text in UTF-8')
  }
}

/** Why a file could not be read, in words. */
export function reasonOf(error: unknown): string {
  const reasons: Readonly<Record<string, string>> = {
    ENOENT: 'it is not there',
    EACCES: 'permission denied',
    ELOOP: 'its links go round in a circle',
    ENOTDIR: 'a part of its path is no folder',
  }
  const { code, message } = error as NodeJS.ErrnoException
  return reasons[code ?? ''] ?? message
}
