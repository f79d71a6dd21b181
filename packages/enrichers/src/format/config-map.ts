import type { EnricherFile } from '@pharos/contracts'
import { z } from 'zod'
import { readYaml } from '../yaml/yaml-document.js'
import { plainOf } from '../yaml/yaml-value.js'

const ConfigMap = z.object({ kind: z.literal('ConfigMap'), data: z.record(z.string(), z.string()) })

/** The files of a Kubernetes ConfigMap, when that is the only file given; undefined when it is something else. */
export function configMapFiles(files: readonly EnricherFile[]): EnricherFile[] | undefined {
  const [only] = files
  if (files.length !== 1 || only === undefined || !/\bConfigMap\b/.test(only.content)) return undefined
  const read = readYaml(only.path, only.content)
  if (!read.ok || !(read.document.value instanceof Map)) return undefined
  try {
    const parsed = ConfigMap.safeParse(plainOf(read.document.value))
    return parsed.success ? Object.entries(parsed.data.data).map(([path, content]) => ({ path, content })) : undefined
  } catch {
    // It is too large or holds what JSON cannot say: reading it as a file of a set tells so.
    return undefined
  }
}
