import { formatPlatform, isDigest, parseImageReference, parsePlatform } from '@pharos/registry'

/** Which image a container runs, as far as its cluster tells. */
export interface RunningImage {
  /** Of an index, a manifest or a configuration; '' when the cluster tells none, or nothing that can be read. */
  readonly digest: string
  /** The image as the workload names it. */
  readonly reference: string
  /** registry/path of the reference: what a scope is matched with; '' when it names none. */
  readonly repository: string
}

/** What a container runs, and how to pull it. */
export interface ObservedImage extends RunningImage {
  /** What a registry can be asked for: by digest where the runtime names a repository with it, else as the workload names it; null when neither names a repository. */
  readonly pullable: string | null
}

const scheme = /^(?:docker-pullable|docker|containerd|cri-o):\/\//

/**
 * Reads how a pod names its image and what the runtime says of it. A text that does not parse is no reason to refuse a
 * whole cluster's snapshot: runtimes write many things there.
 */
export function observedImageOf(reference: string, imageId: string | undefined): ObservedImage {
  const named = split(reference)
  const run = split((imageId ?? '').replace(scheme, ''))
  const byDigest = run.repository === '' || run.digest === '' ? null : `${run.repository}@${run.digest}`
  return {
    digest: run.digest || named.digest,
    reference,
    repository: named.repository || run.repository,
    pullable: byDigest ?? (named.repository === '' ? null : reference),
  }
}

/** The node's platform in one spelling; linux/amd64 when it is not told. Throws `platform-invalid`. */
export function platformOf(text: string | undefined): string {
  return text === undefined ? 'linux/amd64' : formatPlatform(parsePlatform(text))
}

/** repository@digest, a digest alone, or a reference with neither; '' for what is not there. */
function split(text: string): { repository: string; digest: string } {
  if (isDigest(text)) return { repository: '', digest: text }
  try {
    const { registry, path, digest } = parseImageReference(text)
    return { repository: `${registry}/${path}`, digest: digest ?? '' }
  } catch {
    return { repository: '', digest: '' }
  }
}
