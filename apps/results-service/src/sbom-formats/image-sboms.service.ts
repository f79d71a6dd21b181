import { promisify } from 'node:util'
import { createGunzip, gunzip } from 'node:zlib'
import { pipeline, Readable } from 'node:stream'
import { Injectable } from '@nestjs/common'
import { PharosError } from '@pharos/contracts'
import type { VisibleRepositories } from '../access/repository-scope.js'
import { CatalogueStore, type StoredCatalogue } from '../catalogues/catalogue-store.js'
import { Database } from '../database/transaction.js'
import { ImageView } from '../images/image-view.js'
import { cycloneDxOf } from './cyclonedx.js'
import { spdxOf } from './spdx.js'
import { parseSyftDocument, type SbomSubject } from './syft-document.js'

export type SbomFormat = 'cyclonedx' | 'spdx' | 'syft'

/** An SBOM that can be read: who it is of, and what it depends on. */
export interface OpenSbom {
  /** Changes whenever the body would. */
  readonly version: readonly string[]
  readonly mediaType: string
  read(): Promise<Readable>
}

/** Largest SBOM that is converted, uncompressed. */
const limitSbomBytes = 256 * 1024 * 1024
const inflate = promisify(gunzip)
const mediaTypes: Readonly<Record<SbomFormat, string>> = {
  cyclonedx: 'application/vnd.cyclonedx+json; version=1.6',
  spdx: 'application/spdx+json',
  syft: 'application/json',
}

/** SBOMs of images in several formats, made of the one that is kept. */
@Injectable()
export class ImageSbomsService {
  constructor(
    private readonly catalogues: CatalogueStore,
    private readonly images: ImageView,
    private readonly database: Database,
  ) {}

  /** Throws `not-found` when there is no such image, or no SBOM of it. */
  async open(digest: string, format: SbomFormat, scope: VisibleRepositories): Promise<OpenSbom> {
    const image = await this.images.detail(digest, scope)
    const catalogue = await this.catalogues.find(this.database.runner, image.digest, image.catalogue)
    if (catalogue === null) throw new PharosError('not-found', 'No SBOM of this image is kept.')
    const subject = { digest: image.digest, name: image.references[0] ?? image.digest, createdAt: catalogue.createdAt }
    return {
      version: [catalogue.id, catalogue.createdAt.toISOString(), subject.name, format],
      mediaType: mediaTypes[format],
      read: async () => (format === 'syft' ? this.stream(catalogue) : this.convert(catalogue, format, subject)),
    }
  }

  private stream(catalogue: StoredCatalogue): Readable {
    // An error destroys the stream, which breaks the answer off: half an SBOM must not look whole.
    return pipeline(this.catalogues.open(catalogue), createGunzip(), () => undefined)
  }

  private async convert(catalogue: StoredCatalogue, format: 'cyclonedx' | 'spdx', subject: SbomSubject): Promise<Readable> {
    const chunks: Buffer[] = []
    for await (const chunk of this.catalogues.open(catalogue) as AsyncIterable<Buffer>) chunks.push(chunk)
    const document = parseSyftDocument((await this.inflate(Buffer.concat(chunks))).toString('utf8'))
    return Readable.from([Buffer.from(JSON.stringify(format === 'spdx' ? spdxOf(document, subject) : cycloneDxOf(document, subject)))])
  }

  private async inflate(bytes: Buffer): Promise<Buffer> {
    try {
      return await inflate(bytes, { maxOutputLength: limitSbomBytes })
    } catch (error) {
      throw new PharosError('sbom-invalid', 'The kept SBOM cannot be unpacked within the limit.', { cause: error })
    }
  }
}
