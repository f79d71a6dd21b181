import type { Blob } from '../oci/blob.js'
import type { PreparedImage, StoredManifest } from '../oci/image.js'

interface Repository {
  tags: Map<string, string>
  manifests: Map<string, StoredManifest>
}

/** What a registry holds, in memory; large blobs may be backed by files. */
export class RegistryStorage {
  private readonly repositories = new Map<string, Repository>()
  private readonly blobs = new Map<string, Blob>()

  /** Stores a whole image, as if it had been pushed. */
  putImage(name: string, tag: string, image: PreparedImage): void {
    for (const blob of image.blobs) this.putBlob(blob)
    for (const child of image.children) this.putManifest(name, child.blob.digest, child)
    this.putManifest(name, tag, image.top)
  }

  putBlob(blob: Blob): void {
    this.blobs.set(blob.digest, blob)
  }

  blob(digest: string): Blob | undefined {
    return this.blobs.get(digest)
  }

  /** Stores a manifest under its digest, and under a tag when the reference is one. */
  putManifest(name: string, reference: string, manifest: StoredManifest): void {
    const repository = this.repositories.get(name) ?? { tags: new Map<string, string>(), manifests: new Map<string, StoredManifest>() }
    this.repositories.set(name, repository)
    repository.manifests.set(manifest.blob.digest, manifest)
    if (!reference.startsWith('sha256:')) repository.tags.set(reference, manifest.blob.digest)
  }

  manifest(name: string, reference: string): StoredManifest | undefined {
    const repository = this.repositories.get(name)
    return repository?.manifests.get(repository.tags.get(reference) ?? reference)
  }

  /** Removes a tag, or a manifest with all its tags; answers whether it was there. */
  deleteManifest(name: string, reference: string): boolean {
    const repository = this.repositories.get(name)
    if (!repository) return false
    if (repository.tags.delete(reference)) return true
    for (const [tag, digest] of repository.tags) if (digest === reference) repository.tags.delete(tag)
    return repository.manifests.delete(reference)
  }

  /** The tags of a repository in the order of registries (by code unit), or undefined when there is no such repository. */
  tags(name: string): string[] | undefined {
    const repository = this.repositories.get(name)
    return repository && [...repository.tags.keys()].sort()
  }

  repositoryNames(): string[] {
    return [...this.repositories.keys()].sort()
  }
}
