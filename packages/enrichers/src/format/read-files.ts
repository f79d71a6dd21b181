import { createHash } from 'node:crypto'
import type { EnricherFile } from '@pharos/contracts'
import { configMapFiles } from './config-map.js'
import type { Enricher, EnricherSet, ReadEnrichers } from './enricher-set.js'
import { readEnricherList } from './read-list.js'
import { readSteps } from './read-steps.js'
import { checkSetFiles, type SetFiles } from './set-files.js'

/** How files are read that do not say it themselves. */
export interface ReadOptions {
  /** Name of a single enricher: of an `enricher.yaml` without an `enrichers.yaml`. Default `results`, as in upstream. */
  name?: string | undefined
}

/**
 * Reads a set of enrichers whole: `enrichers.yaml` with the enrichers that it lists, a single `enricher.yaml`, or a Kubernetes ConfigMap
 * with the same files under its keys. Every mistake is told at once, with what to do.
 */
export function readEnricherFiles(files: readonly EnricherFile[], options: ReadOptions = {}): Promise<ReadEnrichers> {
  return Promise.resolve(readFiles(files, options))
}

function readFiles(given: readonly EnricherFile[], options: ReadOptions): ReadEnrichers {
  const unpacked = configMapFiles(given)
  const files = unpacked ?? given
  const { found, problems } = checkSetFiles(files)
  if (problems.length > 0) return { ok: false, problems }
  const warnings: string[] = []
  const entries = found.has('enrichers.yaml')
    ? readEnricherList(found, problems, warnings)
    : found.has('enricher.yaml')
      ? [{ name: options.name ?? 'results', definition: 'enricher.yaml', after: [], place: undefined }]
      : undefined
  if (entries === undefined) problems.push({ file: '', message: missingList(found) })
  const enrichers: Enricher[] = []
  for (const entry of entries ?? []) {
    const steps = readSteps(found, entry.definition, problems, warnings)
    if (steps) enrichers.push({ name: entry.name, folder: folderOf(entry.definition), ...steps, after: entry.after })
  }
  if (problems.length > 0) return { ok: false, problems }
  for (const enricher of enrichers) enricher.after = predecessors(enricher, enrichers)
  const sorted = [...found].map(([path, content]) => ({ path, content })).toSorted((a, b) => (a.path < b.path ? -1 : 1))
  const set: EnricherSet = { hash: hashOf(sorted, enrichers), files: sorted, enrichers }
  return { ok: true, set, warnings }
}

function missingList(files: SetFiles): string {
  const nested = [...files.keys()].find((path) => /\/enrichers?\.yaml$/.test(path))
  const hint = nested ? ` There is ${nested}: give the files of the folder ${folderOf(nested)}.` : ''
  return `There is no enrichers.yaml, which lists the enrichers, and no enricher.yaml of a single one.${hint}`
}

function folderOf(path: string): string {
  return path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : ''
}

/**
 * Enrichers whose contexts this one reads: those of `after`, and those before it that its scripts name in quotes where they speak of
 * Contexts. In upstream every enricher sees the contexts of all before it; knowing who needs whom lets the others share one decoded payload.
 */
function predecessors(enricher: Enricher, all: readonly Enricher[]): string[] {
  const sources = enricher.steps.flatMap((step) => (step.kind === 'script' ? [step.source] : []))
  const readsContexts = sources.some((source) => source.includes('Contexts'))
  const names = all.slice(0, all.indexOf(enricher)).map((one) => one.name)
  return names.filter((name) => enricher.after.includes(name) || (readsContexts && sources.some((source) => isQuoted(source, name))))
}

function isQuoted(source: string, name: string): boolean {
  return ['"', "'", '`'].some((quote) => source.includes(quote + name + quote))
}

function hashOf(files: readonly EnricherFile[], enrichers: readonly Enricher[]): string {
  const hash = createHash('sha256')
  hash.update(JSON.stringify(enrichers.map(({ name, after }) => [name, after])))
  for (const { path, content } of files) hash.update(`\0${path}\0${content}`)
  return hash.digest('hex')
}
