import { readFile } from 'node:fs/promises'
import {
  buildBenchImages,
  buildSampleImage,
  type BenchSet,
  sampleDatabases,
  type SampleDatabases,
  type SampleEdition,
  startRegistry,
} from '@pharos/test-kit'

/** A registry on this machine with images to scan. */
export interface ImageSite {
  host: string
  /** Small Alpine images with an npm application each. */
  small: string[]
  /** Debian-based images that share one large base layer. */
  debian: string[]
  /** An image that shares no layer with the others, for warming up. */
  warmUp: string
  close(): Promise<void>
}

/** Builds the set and serves it from this process; neither side's figures count its CPU time. */
export async function openImageSite(set: BenchSet): Promise<ImageSite> {
  const [images, warmUpImage] = await Promise.all([buildBenchImages(set), buildSampleImage('npm')])
  const registry = await startRegistry()
  const references = images.map(({ name, image }) => registry.add(name, 'v1', image))
  return {
    host: registry.host,
    small: references.filter((reference) => reference.includes('/small-')),
    debian: references.filter((reference) => reference.includes('/debian-')),
    warmUp: registry.add('bench/warm-up', 'v1', warmUpImage),
    close: () => registry.close(),
  }
}

/** The sample database of an edition. */
export async function databaseOf(edition: SampleEdition): Promise<SampleDatabases['grype'] & { read(): Promise<Buffer> }> {
  const made = await sampleDatabases(edition)
  if (!made.isAvailable) throw new Error(made.reason)
  const { grype } = made.value
  return { ...grype, read: () => readFile(grype.archivePath) }
}
