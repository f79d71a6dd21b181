import { Injectable } from '@nestjs/common'
import { PharosError, type ScanResult } from '@pharos/contracts'
import type { VisibleRepositories } from '../access/repository-scope.js'
import { FindingsService } from '../findings/findings.service.js'
import { ImageView } from '../images/image-view.js'

/** What a scan has brought: the image and its first findings. */
@Injectable()
export class ScanResultView {
  constructor(
    private readonly images: ImageView,
    private readonly findings: FindingsService,
  ) {}

  /** null when the image is gone or may not be seen. */
  async of(digest: string, scope: VisibleRepositories): Promise<Pick<ScanResult, 'image' | 'topFindings'> | null> {
    try {
      const image = await this.images.detail(digest, scope)
      return { image, topFindings: await this.findings.top(image.digest, scope) }
    } catch (error) {
      if (error instanceof PharosError && error.code === 'not-found') return null
      throw error
    }
  }
}
