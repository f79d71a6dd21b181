import type { ImageManifest } from './image-manifest.js'
import type { ImageReference } from './image-reference.js'
import type { Platform } from './platform.js'

/** A layer as the manifest names it; lowest first in a list. */
export interface ResolvedLayer {
  digest: string
  mediaType: string
  /** Compressed size. */
  sizeBytes: number
}

/** An image found in its registry: everything about it but its blobs. Plain data, all digests verified. */
export interface ResolvedImage {
  reference: ImageReference
  manifestDigest: string
  /** Digest of the index that the reference names; null when it names the manifest itself. */
  indexDigest: string | null
  /** Every image of that index, by platform; empty without an index. */
  indexPlatforms: { platform: string; digest: string }[]
  mediaType: string
  platform: Platform
  manifest: ImageManifest
  /** The manifest as it came, byte for byte (UTF-8). */
  manifestText: string
  configDigest: string
  layers: ResolvedLayer[]
  /** Configuration and layers, compressed; a layer that stands twice counts once. */
  sizeBytes: number
  annotations: Record<string, string>
}
