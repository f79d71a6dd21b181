import { join, resolve } from 'node:path'
import type { WorkerConfiguration } from '../configuration.js'

/** The worker's folders. Caches may be shared by workers of one machine; temporary folders are one's own. */
export interface StorageLayout {
  readonly blobs: string
  readonly layers: string
  readonly databases: string
  readonly temporary: string
}

export function storageLayout({ caches, engines }: Pick<WorkerConfiguration, 'caches' | 'engines'>): StorageLayout {
  const root = resolve(caches.directory ?? join(engines.home, 'cache'))
  return { blobs: join(root, 'blobs'), layers: join(root, 'layers'), databases: join(root, 'databases'), temporary: join(root, 'tmp') }
}
