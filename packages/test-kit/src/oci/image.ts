import { memoryBlob, type Blob } from './blob.js'
import { sampleMoment, type Layer } from './layer.js'

/** The two families of media types that registries hold. */
export type MediaFamily = 'oci' | 'docker'

const mediaTypes = {
  oci: {
    index: 'application/vnd.oci.image.index.v1+json',
    manifest: 'application/vnd.oci.image.manifest.v1+json',
    config: 'application/vnd.oci.image.config.v1+json',
    gzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
    none: 'application/vnd.oci.image.layer.v1.tar',
  },
  docker: {
    index: 'application/vnd.docker.distribution.manifest.list.v2+json',
    manifest: 'application/vnd.docker.distribution.manifest.v2+json',
    config: 'application/vnd.docker.container.image.v1+json',
    gzip: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
    none: 'application/vnd.docker.image.rootfs.diff.tar',
  },
} as const

/** Names content in a manifest or index. */
export interface Descriptor {
  mediaType: string
  digest: string
  size: number
  platform?: { os: string; architecture: string; variant?: string; 'os.version'?: string }
  annotations?: Record<string, string>
}

/** A manifest or an index, as bytes with their media type. */
export interface StoredManifest {
  mediaType: string
  blob: Blob
}

/** An image or image index that is complete: everything that a registry must hold to serve it. */
export interface PreparedImage {
  /** The manifest or index that a tag points to. */
  top: StoredManifest
  /** Manifests below an index, in their order; empty for a plain image. */
  children: StoredManifest[]
  /** Configurations and layers, each once. */
  blobs: Blob[]
  platform: { os: string; architecture: string; variant?: string; 'os.version'?: string }
}

/** What an image is made of. */
export interface ImageParts {
  layers: Layer[]
  family?: MediaFamily
  platform?: PreparedImage['platform']
  /** The `config` object: Env, Cmd, Entrypoint, User, Labels, ExposedPorts. */
  config?: Record<string, unknown>
  annotations?: Record<string, string>
  /** Build steps that made no layer, stated after the layers, e.g. `CMD ["/bin/sh"]`. */
  emptySteps?: string[]
  /** Replaces each layer's stated size: for manifests that lie. */
  statedLayerBytes?: number
}

/** Puts layers together into an image with a configuration and a history that matches its layers. */
export function buildImage(parts: ImageParts): PreparedImage {
  const types = mediaTypes[parts.family ?? 'oci']
  const platform = parts.platform ?? { os: 'linux', architecture: 'amd64' }
  const created = sampleMoment.toISOString()
  const configuration = jsonBlob({
    created,
    ...platform,
    config: { Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'], ...parts.config },
    rootfs: { type: 'layers', diff_ids: parts.layers.map((layer) => layer.diffId) },
    history: [
      ...parts.layers.map((layer) => ({ created, created_by: layer.createdBy })),
      ...(parts.emptySteps ?? []).map((step) => ({ created, created_by: step, empty_layer: true })),
    ],
  })
  const manifest = {
    schemaVersion: 2,
    mediaType: types.manifest,
    config: { mediaType: types.config, digest: configuration.digest, size: configuration.sizeBytes },
    layers: parts.layers.map((layer) => ({
      mediaType: types[layer.compression],
      digest: layer.blob.digest,
      size: parts.statedLayerBytes ?? layer.blob.sizeBytes,
    })),
    ...(parts.annotations === undefined ? {} : { annotations: parts.annotations }),
  }
  return {
    top: { mediaType: types.manifest, blob: jsonBlob(manifest) },
    children: [],
    blobs: uniqueBlobs([configuration, ...parts.layers.map((layer) => layer.blob)]),
    platform,
  }
}

/** Puts images for several platforms under one index, optionally with an attestation entry as build tools add it. */
export function buildIndex(images: PreparedImage[], options: { family?: MediaFamily; hasAttestation?: boolean } = {}): PreparedImage {
  const [first] = images
  if (!first) throw new Error('an index needs an image')
  const children = images.map((image) => image.top)
  const blobs = images.flatMap((image) => image.blobs)
  const manifests: Descriptor[] = images.map((image) => ({ ...describeManifest(image.top), platform: image.platform }))
  if (options.hasAttestation) {
    const attestation = buildAttestation(first)
    children.push(attestation.top)
    blobs.push(...attestation.blobs)
    manifests.push({
      ...describeManifest(attestation.top),
      platform: { os: 'unknown', architecture: 'unknown' },
      annotations: { 'vnd.docker.reference.digest': first.top.blob.digest, 'vnd.docker.reference.type': 'attestation-manifest' },
    })
  }
  const mediaType = mediaTypes[options.family ?? 'oci'].index
  return {
    top: { mediaType, blob: jsonBlob({ schemaVersion: 2, mediaType, manifests }) },
    children,
    blobs: uniqueBlobs(blobs),
    platform: first.platform,
  }
}

/** The descriptor that points to a manifest. */
export function describeManifest(manifest: StoredManifest): Descriptor {
  return { mediaType: manifest.mediaType, digest: manifest.blob.digest, size: manifest.blob.sizeBytes }
}

function buildAttestation(subject: PreparedImage): PreparedImage {
  const statement = jsonBlob({
    _type: 'https://in-toto.io/Statement/v0.1',
    predicateType: 'https://slsa.dev/provenance/v0.2',
    subject: [{ name: '_', digest: { sha256: subject.top.blob.digest.slice('sha256:'.length) } }],
    predicate: {},
  })
  const configuration = jsonBlob({
    os: 'unknown',
    architecture: 'unknown',
    config: {},
    rootfs: { type: 'layers', diff_ids: [statement.digest] },
  })
  const types = mediaTypes.oci
  const manifest = {
    schemaVersion: 2,
    mediaType: types.manifest,
    config: { mediaType: types.config, digest: configuration.digest, size: configuration.sizeBytes },
    layers: [{ mediaType: 'application/vnd.in-toto+json', digest: statement.digest, size: statement.sizeBytes }],
  }
  return {
    top: { mediaType: types.manifest, blob: jsonBlob(manifest) },
    children: [],
    blobs: [configuration, statement],
    platform: subject.platform,
  }
}

function jsonBlob(value: unknown): Blob {
  return memoryBlob(Buffer.from(JSON.stringify(value)))
}

function uniqueBlobs(blobs: Blob[]): Blob[] {
  return [...new Map(blobs.map((blob) => [blob.digest, blob])).values()]
}
