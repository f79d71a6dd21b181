import { createWriteStream } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { describeManifest, type PreparedImage } from './image.js'

/** Writes an image as an OCI layout, which scanners read without a registry. */
export async function writeOciLayout(directory: string, image: PreparedImage, referenceName = 'latest'): Promise<void> {
  const blobDirectory = join(directory, 'blobs', 'sha256')
  await mkdir(blobDirectory, { recursive: true })
  for (const blob of [image.top.blob, ...image.children.map((child) => child.blob), ...image.blobs]) {
    await pipeline(blob.open(), createWriteStream(join(blobDirectory, blob.digest.slice('sha256:'.length))))
  }
  const descriptor = { ...describeManifest(image.top), annotations: { 'org.opencontainers.image.ref.name': referenceName } }
  await writeFile(join(directory, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }))
  await writeFile(join(directory, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [descriptor] }))
}
