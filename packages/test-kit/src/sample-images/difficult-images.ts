import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import type { Blob } from '../oci/blob.js'
import { buildImage, type MediaFamily, type PreparedImage } from '../oci/image.js'
import { buildLayer, type Layer } from '../oci/layer.js'
import { alpineLayer } from './sample-images.js'

/** An image with a file and no packages. */
export async function buildEmptyImage(family: MediaFamily = 'oci'): Promise<PreparedImage> {
  const layer = await buildLayer([{ path: 'hello.txt', content: 'no packages here\n' }], { createdBy: 'COPY hello.txt / # buildkit' })
  return buildImage({ family, layers: [layer] })
}

/** An image for Windows, which the Linux scanners do not read. */
export async function buildWindowsImage(): Promise<PreparedImage> {
  const layer = await buildLayer([{ path: 'Files/Windows/System32/sample.txt', content: 'windows\r\n' }, { path: 'Hives' }], {
    createdBy: 'Apply image 10.0.20348.1',
  })
  return buildImage({ layers: [layer], platform: { os: 'windows', architecture: 'amd64', 'os.version': '10.0.20348.1' } })
}

/** An image with secrets, which are made at this moment and are the key of nothing. */
export async function buildSecretsImage(): Promise<PreparedImage> {
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
  })
  const accessKeyId = `AKIA${letters(16)}`
  const layer = await buildLayer(
    [
      { path: 'root/.ssh/id_rsa', content: privateKey, mode: 0o600 },
      {
        path: 'root/.aws/credentials',
        content: `[default]\naws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${randomBytes(30).toString('base64')}\n`,
        mode: 0o600,
      },
    ],
    { createdBy: 'COPY root /root # buildkit' },
  )
  return buildImage({ layers: [await alpineLayer('x86_64'), layer], config: { User: 'root' } })
}

/** An image whose manifest states another size for its layers than they have. */
export async function buildLyingImage(statedLayerBytes: number): Promise<PreparedImage> {
  return buildImage({ layers: [await alpineLayer('x86_64')], statedLayerBytes })
}

/** An image whose configuration names another digest for its uncompressed layer than that has. */
export async function buildWrongDiffIdImage(): Promise<PreparedImage> {
  const layer = await alpineLayer('x86_64')
  return buildImage({ layers: [{ ...layer, diffId: `sha256:${'0'.repeat(64)}` }] })
}

/** An image whose layer is not an archive. */
export async function buildNotAnArchiveImage(): Promise<PreparedImage> {
  const bytes = gzipSync(Buffer.from('this is no archive\n'.repeat(100)))
  return buildImage({
    layers: [
      { blob: repeatedBlob([[bytes, 1]]), diffId: `sha256:${'1'.repeat(64)}`, compression: 'gzip', createdBy: 'COPY nothing / # buildkit' },
    ],
  })
}

/**
 * An image whose layer grows a thousandfold when it is unpacked. It is made while it is read, of gzip members that repeat.
 * Its diff id is not that of its content: nobody should unpack it far enough to find out.
 */
export function buildZipBombImage(uncompressedGiB = 8): PreparedImage {
  return buildImage({ layers: [zipBombLayer(uncompressedGiB)] })
}

function zipBombLayer(uncompressedGiB: number): Layer {
  const chunkBytes = 16 * 1024 * 1024
  const zeros = gzipSync(Buffer.alloc(chunkBytes), { level: 9 })
  const parts: [Buffer, number][] = []
  for (let index = 0; index < uncompressedGiB; index += 1)
    parts.push([gzipSync(fileHeader(`bomb/${index}`, 1024 ** 3)), 1], [zeros, 1024 ** 3 / chunkBytes])
  parts.push([gzipSync(Buffer.alloc(1024)), 1])
  return { blob: repeatedBlob(parts), diffId: `sha256:${'2'.repeat(64)}`, compression: 'gzip', createdBy: 'COPY bomb /bomb # buildkit' }
}

/** A ustar header of a plain file. */
function fileHeader(name: string, sizeBytes: number): Buffer {
  const header = Buffer.alloc(512)
  header.write(name, 0)
  header.write('0000644\0', 100)
  header.write('0000000\0', 108)
  header.write('0000000\0', 116)
  header.write(`${sizeBytes.toString(8).padStart(11, '0')}\0`, 124)
  header.write('00000000000\0', 136)
  header.write('        ', 148)
  header.write('0', 156)
  header.write('ustar\0', 257)
  header.write('00', 263)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return header
}

function repeatedBlob(parts: [Buffer, number][]): Blob {
  function* pieces(): Generator<Buffer> {
    for (const [bytes, count] of parts) for (let index = 0; index < count; index += 1) yield bytes
  }
  const hash = createHash('sha256')
  let sizeBytes = 0
  for (const piece of pieces()) {
    hash.update(piece)
    sizeBytes += piece.length
  }
  function* part(start: number, end: number): Generator<Buffer> {
    let offset = 0
    for (const piece of pieces()) {
      const slice = piece.subarray(Math.max(0, start - offset), Math.max(0, end + 1 - offset))
      offset += piece.length
      if (slice.length > 0) yield slice
      if (offset > end) return
    }
  }
  return {
    digest: `sha256:${hash.digest('hex')}`,
    sizeBytes,
    open: (range) => Readable.from(part(range?.start ?? 0, range?.end ?? sizeBytes - 1), { objectMode: false }),
  }
}

function letters(count: number): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
  return Array.from(randomBytes(count), (byte) => alphabet[byte % alphabet.length]).join('')
}
