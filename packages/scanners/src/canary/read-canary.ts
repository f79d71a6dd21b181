import { readFile } from 'node:fs/promises'
import { Canary } from '@pharos/contracts'

/**
 * Reads a canary of one's own from a JSON file.
 * @throws Error naming the file and the place in it: it is part of a service's configuration
 */
export async function readCanary(path: string): Promise<Canary> {
  let content: unknown
  try {
    content = JSON.parse(await readFile(path, 'utf8'))
  } catch (cause) {
    throw new Error(`The canary file ${path} cannot be read as JSON.`, { cause })
  }
  const parsed = Canary.safeParse(content)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new Error(`The canary file ${path} does not have the expected form at ${issue?.path.join('.') ?? '?'}: ${issue?.message ?? ''}`)
}
