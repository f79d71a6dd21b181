import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { createGunzip } from 'node:zlib'

/** A unique package; its record stands in one of the fleet's SBOM documents. */
export interface FleetPackage {
  ecosystem: string
  document: number
  artifactId: string
  /** Below the root of its occurrence. */
  path: string
}

/** An image as a cataloguer sees it. */
export interface FleetImage {
  repository: string
  tag: string
  createdAt: string
  distro: { id: string; versionId: string; prettyName: string }
  /** Digests, from the lowest. */
  layers: string[]
  /** Positions of the unique package, of the layer, and of the root below which its path lies. */
  packages: [packageIndex: number, layer: number, root: number][]
}

/** The files that `pharos-fleet images` has written. */
export class FleetFiles {
  private constructor(
    private readonly directory: string,
    readonly roots: readonly string[],
    readonly packages: readonly FleetPackage[],
  ) {}

  static async open(directory: string): Promise<FleetFiles> {
    const { roots } = JSON.parse(await readFile(join(directory, 'fleet.json'), 'utf8')) as { roots: string[] }
    const packages: FleetPackage[] = []
    for await (const line of createInterface({ input: createReadStream(join(directory, 'packages.jsonl')) }))
      packages.push(JSON.parse(line) as FleetPackage)
    return new FleetFiles(directory, roots, packages)
  }

  get documentCount(): number {
    return this.packages.reduce((most, { document }) => Math.max(most, document + 1), 0)
  }

  documentPath(document: number): string {
    return join(this.directory, 'documents', `${document}.json`)
  }

  /** The images in their order. */
  async *images(): AsyncGenerator<FleetImage> {
    const input = createReadStream(join(this.directory, 'images.jsonl.gz')).pipe(createGunzip())
    for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) yield JSON.parse(line) as FleetImage
  }
}
