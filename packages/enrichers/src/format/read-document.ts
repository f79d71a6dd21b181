import type { EnricherProblem } from '@pharos/contracts'
import type { z } from 'zod'
import { readYaml, type YamlDocument } from '../yaml/yaml-document.js'
import { plainOf, type YamlValue } from '../yaml/yaml-value.js'

/** Reads a YAML file; its mistakes are added to `problems`. */
export function readDocument(file: string, text: string, problems: EnricherProblem[]): YamlDocument | undefined {
  const read = readYaml(file, text)
  if (read.ok) return read.document
  problems.push(...read.problems)
  return undefined
}

/** Checks a part of a document; each mistake is a problem at its place. */
export function checkDocument<S extends z.ZodType>(
  schema: S,
  at: { file: string; document: YamlDocument; value: YamlValue; path: readonly PropertyKey[] },
  problems: EnricherProblem[],
): z.infer<S> | undefined {
  const plain = plainAt(at, problems)
  if (plain === undefined) return undefined
  const parsed = schema.safeParse(plain.value)
  if (parsed.success) return parsed.data
  for (const issue of parsed.error.issues) {
    const path = [...at.path, ...issue.path]
    problems.push({ file: at.file, ...at.document.placeOf(path), message: `${textOfPath(path)}${issue.message}.` })
  }
  return undefined
}

function plainAt(
  at: { file: string; document: YamlDocument; value: YamlValue; path: readonly PropertyKey[] },
  problems: EnricherProblem[],
): { value: unknown } | undefined {
  try {
    return { value: plainOf(at.value) }
  } catch (error) {
    problems.push({ file: at.file, ...at.document.placeOf(at.path), message: `This cannot be read: ${(error as Error).message}.` })
    return undefined
  }
}

/** `sources[1].name: ` */
function textOfPath(path: readonly PropertyKey[]): string {
  const text = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('')
  return text === '' ? '' : `${text.replace(/^\./, '')}: `
}
