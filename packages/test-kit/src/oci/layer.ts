import { createHash, type Hash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { posix } from 'node:path'
import { PassThrough, Transform, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { pack, type Pack } from 'tar-stream'
import { fileBlob, memoryBlob, type Blob } from './blob.js'

/** One entry of a layer; folders above it are made when they are missing. */
export interface LayerEntry {
  /** Relative, with `/` between names, e.g. `etc/os-release`. */
  path: string
  /** The file's bytes; absent for a folder or a link. */
  content?: string | Buffer
  /** Target of a symbolic link. */
  linkTo?: string
  /** Permission bits; 0644 for files and 0755 for folders by default. */
  mode?: number
}

/** A layer of an image, with the step that made it. */
export interface Layer {
  blob: Blob
  /** Digest of the uncompressed archive. */
  diffId: string
  compression: 'gzip' | 'none'
  /** The build step, as the image's history states it. */
  createdBy: string
}

/** How to pack a layer. */
export interface LayerOptions {
  createdBy: string
  compression?: 'gzip' | 'none'
  /** Where the packed layer is written; it is held in memory by default. */
  filePath?: string
}

/** Every entry carries this moment, so that the same entries give the same digest on every machine and day. */
export const sampleMoment = new Date('2025-01-01T00:00:00Z')

/** Packs entries into a layer. They are taken one after another, so a generator may make large content as it goes. */
export async function buildLayer(entries: Iterable<LayerEntry>, options: LayerOptions): Promise<Layer> {
  const compression = options.compression ?? 'gzip'
  const archive = pack()
  const diff = hashing()
  const packed = hashing()
  const chunks: Buffer[] = []
  const sink =
    options.filePath === undefined
      ? new Writable({
          write(chunk: Buffer, _encoding, done) {
            chunks.push(chunk)
            done()
          },
        })
      : createWriteStream(options.filePath)
  const compressor = compression === 'gzip' ? createGzip({ level: 6 }) : new PassThrough()
  const written = pipeline(archive, diff.stream, compressor, packed.stream, sink)
  await Promise.all([writeEntries(archive, entries), written])
  const digest = `sha256:${packed.hash.digest('hex')}`
  const blob = options.filePath === undefined ? memoryBlob(Buffer.concat(chunks)) : fileBlob(options.filePath, digest, packed.sizeBytes())
  return { blob, diffId: `sha256:${diff.hash.digest('hex')}`, compression, createdBy: options.createdBy }
}

async function writeEntries(archive: Pack, entries: Iterable<LayerEntry>): Promise<void> {
  const folders = new Set<string>(['.', ''])
  for (const entry of entries) {
    for (const folder of missingFolders(entry.path, folders)) await writeEntry(archive, { path: folder })
    if (entry.content === undefined && entry.linkTo === undefined) folders.add(entry.path)
    await writeEntry(archive, entry)
  }
  archive.finalize()
}

function writeEntry(archive: Pack, entry: LayerEntry): Promise<void> {
  const common = { mtime: sampleMoment, uid: 0, gid: 0, uname: 'root', gname: 'root' }
  return new Promise((resolve, reject) => {
    const done = (error?: Error | null): void => (error ? reject(error) : resolve())
    if (entry.linkTo !== undefined)
      archive.entry({ ...common, name: entry.path, type: 'symlink', linkname: entry.linkTo, mode: 0o777 }, done)
    else if (entry.content === undefined) archive.entry({ ...common, name: entry.path, type: 'directory', mode: entry.mode ?? 0o755 }, done)
    else archive.entry({ ...common, name: entry.path, mode: entry.mode ?? 0o644 }, entry.content, done)
  })
}

function missingFolders(path: string, known: Set<string>): string[] {
  const missing: string[] = []
  for (let folder = posix.dirname(path); !known.has(folder); folder = posix.dirname(folder)) {
    known.add(folder)
    missing.unshift(folder)
  }
  return missing
}

function hashing(): { stream: Transform; hash: Hash; sizeBytes: () => number } {
  const hash = createHash('sha256')
  let sizeBytes = 0
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk)
      sizeBytes += chunk.length
      done(null, chunk)
    },
  })
  return { stream, hash, sizeBytes: () => sizeBytes }
}
