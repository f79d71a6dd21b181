import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { EnricherFile } from '@pharos/contracts'

/** A ready enricher, with its files as they stand in a set: below a folder of its name. */
export interface LibraryEnricher {
  name: string
  /** One sentence, from its readme. */
  description: string
  files: EnricherFile[]
}

/** The folder is beside both `src` and `dist`. */
const packageFolder = fileURLToPath(new URL('../../', import.meta.url))

/** The ready enrichers, by name. */
export function libraryEnrichers(): LibraryEnricher[] {
  const folder = join(packageFolder, 'library')
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .toSorted()
    .map((name) => {
      const files = filesOf(join(folder, name), name)
      return { name, description: descriptionOf(files.find((file) => file.path.endsWith('/README.md'))?.content ?? ''), files }
    })
}

/** A set of ready enrichers, in the order of the names. @throws RangeError for a name that the library does not have. */
export function librarySet(names: readonly string[]): EnricherFile[] {
  const all = libraryEnrichers()
  const chosen = names.map((name) => {
    const found = all.find((one) => one.name === name)
    if (!found) throw new RangeError(`The library has no enricher ${name}; it has ${all.map((one) => one.name).join(', ')}.`)
    return found
  })
  const list = `order:\n${names.map((name) => `  - ${name}\n`).join('')}sources:\n${names.map((name) => `  - name: ${name}\n`).join('')}`
  return [{ path: 'enrichers.yaml', content: list }, ...chosen.flatMap((one) => one.files)]
}

/** Engines that `newEnricher` has a template for. */
export const newEnricherEngines = ['starlark', 'template', 'yaegi'] as const
export type NewEnricherEngine = (typeof newEnricherEngines)[number]

/** Files of a new enricher to begin with: steps, script, data, a test and a readme. Paths are those in its own folder. */
export function newEnricher(name: string, engine: NewEnricherEngine): EnricherFile[] {
  return filesOf(join(packageFolder, 'templates', engine), '').map((file) => ({
    path: file.path.replace('NAME', name),
    content: file.content.replaceAll('NAME', name),
  }))
}

function filesOf(folder: string, prefix: string): EnricherFile[] {
  return readdirSync(folder)
    .toSorted()
    .map((file) => ({ path: prefix === '' ? file : `${prefix}/${file}`, content: readFileSync(join(folder, file), 'utf8') }))
}

/** The first paragraph below the heading, on one line. */
function descriptionOf(readme: string): string {
  const paragraph = readme.split(/\n\s*\n/).find((part) => part.trim() !== '' && !part.startsWith('#')) ?? ''
  return paragraph.trim().replaceAll(/\s+/g, ' ')
}
