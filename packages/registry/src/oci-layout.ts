import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { problemOfDisk } from './blob-writer.js'
import { requireDigest } from './digest.js'
import { formatImageReference } from './image-reference.js'
import type { ResolvedImage } from './resolved-image.js'

/** Path of a blob in a layout. */
export function layoutBlobPath(layoutDirectory: string, digest: string): string {
  const { algorithm, hex } = requireDigest(digest)
  return join(layoutDirectory, 'blobs', algorithm, hex)
}

/** Makes the folders of a layout. */
export async function createLayout(layoutDirectory: string, digests: readonly string[]): Promise<void> {
  try {
    for (const algorithm of new Set(['sha256', ...digests.map((digest) => requireDigest(digest).algorithm)])) {
      await mkdir(join(layoutDirectory, 'blobs', algorithm), { recursive: true })
    }
  } catch (error) {
    throw problemOfDisk(error)
  }
}

/**
 * Writes what makes a folder of blobs an OCI image layout (image-spec 1.1, image-layout.md): the manifest, `oci-layout`
 * and, last, `index.json`. Until then no reader takes the folder for an image.
 */
export async function finishLayout(layoutDirectory: string, image: ResolvedImage): Promise<void> {
  const { os, architecture, variant } = image.platform
  const index = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests: [
      {
        mediaType: image.mediaType,
        digest: image.manifestDigest,
        size: Buffer.byteLength(image.manifestText),
        platform: { os, architecture, ...(variant === undefined ? {} : { variant }) },
        annotations: { 'org.opencontainers.image.ref.name': formatImageReference(image.reference) },
      },
    ],
  }
  try {
    await writeFile(layoutBlobPath(layoutDirectory, image.manifestDigest), image.manifestText)
    await writeFile(join(layoutDirectory, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}\n')
    await writeFile(join(layoutDirectory, 'index.json'), `${JSON.stringify(index)}\n`)
  } catch (error) {
    throw problemOfDisk(error)
  }
}
