import { open } from 'node:fs/promises'
import { gzipSync } from 'node:zlib'
import { type GenerationRef, reportLines, type ResolvedImage } from '@pharos/contracts'
import { composeReport, referenceOf, resolvedImage } from './composed-report.js'
import type { FleetFiles } from './fleet-files.js'
import type { JudgedPackages } from './judged-packages.js'

/** A report that is ready to be handed in. */
export interface PackedReport {
  reference: string
  image: ResolvedImage
  /** As a worker sends it. */
  body: Buffer
}

/** Where an image stands in the file: what a worker resolves it to, as JSON, and behind it the report. */
interface Place {
  offset: number
  headLength: number
  bodyLength: number
}

/** Reports of a fleet in one file, so that making them takes no time from the machine while they are loaded, and of a large fleet no memory. */
export class ReportPack {
  private constructor(
    private readonly path: string,
    private readonly places: readonly Place[],
    readonly packageCount: number,
    readonly findingCount: number,
  ) {}

  get count(): number {
    return this.places.length
  }

  get bytes(): number {
    return this.places.reduce((sum, { bodyLength }) => sum + bodyLength, 0)
  }

  /** Composes the reports of all images into a file. */
  static async write(path: string, files: FleetFiles, judged: JudgedPackages, generation: GenerationRef): Promise<ReportPack> {
    const file = await open(path, 'w', 0o600)
    const places: Place[] = []
    let [offset, packageCount, findingCount] = [0, 0, 0]
    try {
      for await (const image of files.images()) {
        const report = composeReport(image, files, judged, generation)
        packageCount += report.packages.length
        findingCount += report.engines.reduce((sum, { matches }) => sum + matches.length, 0)
        const body = gzipSync(reportLines(report), { level: 1 })
        const head = Buffer.from(JSON.stringify({ reference: referenceOf(image), image: resolvedImage(image) }))
        await file.writev([head, body])
        places.push({ offset, headLength: head.byteLength, bodyLength: body.byteLength })
        offset += head.byteLength + body.byteLength
      }
    } finally {
      await file.close()
    }
    return new ReportPack(path, places, packageCount, findingCount)
  }

  /** The reports in their order. */
  async *reports(): AsyncGenerator<PackedReport> {
    const file = await open(this.path, 'r')
    try {
      for (const { offset, headLength, bodyLength } of this.places) {
        const bytes = Buffer.allocUnsafe(headLength + bodyLength)
        await file.read(bytes, 0, bytes.byteLength, offset)
        const head = JSON.parse(bytes.toString('utf8', 0, headLength)) as Pick<PackedReport, 'reference' | 'image'>
        yield { ...head, body: bytes.subarray(headLength) }
      }
    } finally {
      await file.close()
    }
  }
}
