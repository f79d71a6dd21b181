import { randomBytes } from 'node:crypto'
import { createRequire } from 'node:module'
import { Injectable } from '@nestjs/common'
import { InjectConfiguration } from '@pharos/service-kit'
import { z } from 'zod'
import type { WorkerConfiguration } from '../configuration.js'

const Manifest = z.object({ version: z.string() })

/** Who this worker is. A restarted worker is another one: its former attempts are not its own. */
@Injectable()
export class WorkerIdentity {
  readonly id: string
  readonly version: string

  constructor(@InjectConfiguration() { worker }: WorkerConfiguration) {
    this.id = `${worker.id}-${process.pid}-${randomBytes(3).toString('hex')}`
    this.version = Manifest.parse(createRequire(import.meta.url)('../../package.json')).version
  }
}
