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

/** Reports of a fleet in one file, so that making them takes no time from the machine while they are loaded. */
export class ReportPack {
  private constructor(
    private readonly path: string,
    private readonly entries: readonly { reference: string; image: ResolvedImage; offset: number; length: number }[],
    readonly packageCount: number,
    readonly findingCount: number,
  ) {}

  get count(): number {
    return this.entries.length
  }

  get bytes(): number {
    return this.entries.reduce((sum, { length }) => sum + length, 0)
  }

  /** Composes the reports of all images into a file. */
  static async write(path: string, files: FleetFiles, judged: JudgedPackages, generation: GenerationRef): Promise<ReportPack> {
    const file = await open(path, 'w', 0o600)
    const entries: { reference: string; image: ResolvedImage; offset: number; length: number }[] = []
    let [offset, packageCount, findingCount] = [0, 0, 0]
    try {
      for await (const image of files.images()) {
        const report = composeReport(image, files, judged, generation)
        packageCount += report.packages.length
        findingCount += report.engines.reduce((sum, { matches }) => sum + matches.length, 0)
        const body = gzipSync(reportLines(report), { level: 1 })
        await file.write(body)
        entries.push({ reference: referenceOf(image), image: resolvedImage(image), offset, length: body.byteLength })
        offset += body.byteLength
      }
    } finally {
      await file.close()
    }
    return new ReportPack(path, entries, packageCount, findingCount)
  }

  /** The reports in their order. */
  async *reports(): AsyncGenerator<PackedReport> {
    const file = await open(this.path, 'r')
    try {
      for (const { reference, image, offset, length } of this.entries) {
        const body = Buffer.allocUnsafe(length)
        await file.read(body, 0, length, offset)
        yield { reference, image, body }
      }
    } finally {
      await file.close()
    }
  }
}
