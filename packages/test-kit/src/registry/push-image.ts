import { readBlob } from '../oci/blob.js'
import type { PreparedImage } from '../oci/image.js'

/** Where an image is pushed to. */
export interface PushTarget {
  /** Base address of the registry, e.g. `http://127.0.0.1:5000`. */
  url: string
  name: string
  tag: string
  credentials?: { username: string; password: string }
}

/** Pushes an image to any registry over its HTTP interface; returns the image reference. */
export async function pushImage(target: PushTarget, image: PreparedImage): Promise<string> {
  const base = `${target.url}/v2/${target.name}`
  const authorization: Record<string, string> = target.credentials
    ? { authorization: `Basic ${Buffer.from(`${target.credentials.username}:${target.credentials.password}`).toString('base64')}` }
    : {}
  for (const blob of image.blobs) {
    const present = await fetch(`${base}/blobs/${blob.digest}`, { method: 'HEAD', headers: authorization })
    if (present.ok) continue
    const start = await expectOk(await fetch(`${base}/blobs/uploads/`, { method: 'POST', headers: authorization }))
    const location = new URL(start.headers.get('location') ?? '', target.url)
    location.searchParams.set('digest', blob.digest)
    const body = new Uint8Array(await readBlob(blob))
    await expectOk(
      await fetch(location, { method: 'PUT', headers: { ...authorization, 'content-type': 'application/octet-stream' }, body }),
    )
  }
  const manifests = [...image.children.map((child) => [child.blob.digest, child] as const), [target.tag, image.top] as const]
  for (const [reference, manifest] of manifests) {
    const body = new Uint8Array(await readBlob(manifest.blob))
    await expectOk(
      await fetch(`${base}/manifests/${reference}`, {
        method: 'PUT',
        headers: { ...authorization, 'content-type': manifest.mediaType },
        body,
      }),
    )
  }
  return `${new URL(target.url).host}/${target.name}:${target.tag}`
}

async function expectOk(response: Response): Promise<Response> {
  if (!response.ok) throw new Error(`${response.url} answered ${response.status}: ${await response.text()}`)
  await response.body?.cancel()
  return response
}
