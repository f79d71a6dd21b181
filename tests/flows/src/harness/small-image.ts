import { randomBytes } from 'node:crypto'
import { buildImage, buildLayer, type PreparedImage } from '@pharos/test-kit'

/** A small image that nobody has seen before, with one npm package that has known vulnerabilities. */
export async function buildSmallImage(): Promise<{ image: PreparedImage; digest: string; layerDigest: string }> {
  const mark = randomBytes(8).toString('hex')
  const layer = await buildLayer(
    [
      { path: 'app/mark.txt', content: mark },
      { path: 'app/node_modules/lodash/package.json', content: JSON.stringify({ name: 'lodash', version: '4.17.20', license: 'MIT' }) },
    ],
    { createdBy: `COPY ${mark} /app # buildkit` },
  )
  const image = buildImage({ layers: [layer] })
  return { image, digest: image.top.blob.digest, layerDigest: layer.blob.digest }
}
