import { link, open } from 'node:fs/promises'
import { join } from 'node:path'
import { PharosError } from '@pharos/contracts'

/** First bytes of the compressed forms that `grype db import` reads. */
const forms = [
  { extension: '.tar.zst', magic: [0x28, 0xb5, 0x2f, 0xfd] },
  { extension: '.tar.gz', magic: [0x1f, 0x8b] },
  { extension: '.tar.xz', magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00] },
] as const

/**
 * Gives an archive the file name that `grype db import` tells its form by, as a hard link in the work folder.
 * @throws PharosError `database-damaged` when it has none of the forms.
 */
export async function nameByForm(archivePath: string, workDirectory: string): Promise<string> {
  const file = await open(archivePath, 'r')
  let head: Buffer
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(6), 0, 6, 0)
    head = buffer.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
  const form = forms.find(({ magic }) => magic.every((byte, index) => head[index] === byte))
  if (form === undefined) throw new PharosError('database-damaged', 'The archive is neither tar.zst nor tar.gz nor tar.xz.')
  const named = join(workDirectory, `archive${form.extension}`)
  if (named !== archivePath) await link(archivePath, named)
  return named
}
