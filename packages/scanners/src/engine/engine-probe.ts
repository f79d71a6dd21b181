import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { PharosError } from '@pharos/contracts'
import { EngineProcess } from './engine-process.js'
import type { EngineHello } from './schema.js'

export type EngineProbe =
  | { readonly outcome: 'answered'; readonly hello: EngineHello }
  | { readonly outcome: 'unavailable'; readonly reason: string }

const probeLimitBytes = 1024 ** 3

/** Starts the engine once and asks what it is. */
export async function probeEngine(program: string, workDirectory: string): Promise<EngineProbe> {
  const layerCacheDirectory = join(workDirectory, 'probe-layers')
  await mkdir(layerCacheDirectory, { recursive: true })
  try {
    const { process, hello } = await EngineProcess.start({
      program,
      workDirectory,
      layerCacheDirectory,
      layerCacheBytes: 0,
      memoryLimitBytes: probeLimitBytes,
      maxLayerBytes: 1,
      maxImageBytes: 1,
      maxFiles: 1,
    })
    await process.stop()
    return { outcome: 'answered', hello }
  } catch (error) {
    if (error instanceof PharosError) return { outcome: 'unavailable', reason: error.detail }
    throw error
  }
}
