import { posix } from 'node:path'
import type { EnricherProblem } from '@pharos/contracts'
import type { YamlDocument } from '../yaml/yaml-document.js'
import { type EnricherEntry, EnricherList } from './format-schema.js'
import { checkDocument, readDocument } from './read-document.js'
import type { SetFiles } from './set-files.js'

/** An enricher that is to be read. */
export interface ListedEnricher {
  name: string
  /** Path of its `enricher.yaml`. */
  definition: string
  after: string[]
}

const file = 'enrichers.yaml'

/** Reads `enrichers.yaml`: its enrichers in the order in which they run. */
export function readEnricherList(files: SetFiles, problems: EnricherProblem[], warnings: string[]): ListedEnricher[] {
  const found = checkEnricherList(files.get(file) ?? '', problems)
  if (!found) return []
  const { list, document, at } = found
  const entries = list.sources ?? []
  const complain = (path: readonly PropertyKey[], message: string): void => {
    problems.push({ file, ...document.placeOf([...at, ...path]), message })
  }
  if (entries.length === 0) complain(['sources'], 'sources: no enricher is listed.')
  const listed: ListedEnricher[] = []
  for (const [index, entry] of entries.entries()) {
    const path = ['sources', index]
    if (entries.findIndex((other) => other.name === entry.name) < index)
      complain([...path, 'name'], `The name ${entry.name} is there twice: it would own two contexts.`)
    if (entry.id !== undefined) warnings.push(`${file}: ${entry.name}: id names a row of upstream's database and is not used.`)
    const definition = definitionOf(entry, files)
    if (typeof definition === 'string') listed.push({ name: entry.name, definition, after: entry.after ?? [] })
    else complain([...path, definition.key], definition.message)
  }
  checkOrder(list, complain)
  const ordered = inOrder(listed, list, warnings)
  for (const [index, entry] of entries.entries())
    for (const name of entry.after ?? []) {
      const isBefore = ordered.findIndex((one) => one.name === name) < ordered.findIndex((one) => one.name === entry.name)
      if (!entries.some((one) => one.name === name)) complain(['sources', index, 'after'], `after: no enricher is called ${name}.`)
      else if (!isBefore) complain(['sources', index, 'after'], `after: ${name} does not run before ${entry.name}; change the order.`)
    }
  return ordered
}

/** The list itself, flat or under `enrichers`, and where it stands. */
export function checkEnricherList(
  text: string,
  problems: EnricherProblem[],
): { list: EnricherList; document: YamlDocument; at: PropertyKey[] } | undefined {
  const document = readDocument(file, text, problems)
  if (!document) return undefined
  const { value } = document
  const nested = value instanceof Map ? value.get('enrichers') : undefined
  const at = nested === undefined ? [] : ['enrichers']
  const list = checkDocument(EnricherList, { file, document, value: nested ?? value ?? new Map(), path: at }, problems)
  return list && { list, document, at }
}

function definitionOf(entry: EnricherEntry, files: SetFiles): string | { key: string; message: string } {
  if (entry.git) return { key: 'git', message: problemOfGit(entry.git) }
  const path = entry.path || entry.name
  if (hasVariable(path)) return { key: 'path', message: variableMessage }
  if (path.startsWith('/')) return { key: 'path', message: `The path ${path} is absolute: paths lead to files of the set.` }
  const normal = posix.normalize(path).replace(/\/$/, '')
  if (normal.startsWith('..')) return { key: 'path', message: `The path ${path} leads out of the set.` }
  const definition = normal.endsWith('.yaml') ? normal : posix.join(normal, 'enricher.yaml')
  if (files.has(definition)) return definition
  // In a ConfigMap there are no folders: its keys begin with the name instead.
  if (!entry.path && files.has(`${entry.name}-enricher.yaml`)) return `${entry.name}-enricher.yaml`
  return { key: entry.path ? 'path' : 'name', message: `There is no file ${definition}, which holds the steps of ${entry.name}.` }
}

function problemOfGit(address: string): string {
  if (hasVariable(address)) return variableMessage
  return 'What git names is not here yet: fetch it first (the command line and the API do that before they read a set), or put its files beside and name them with path.'
}

const variableMessage =
  'Environment variables are not put in here: a set must mean the same wherever it is read, and must not carry what stands in the environment of a service. Write the value; whoever fetches from git gives credentials to git itself.'

/** `$NAME` or `${NAME}`, which upstream replaces by variables of its environment. */
export function hasVariable(text: string): boolean {
  return /\$(\{|[A-Za-z_])/.test(text)
}

function checkOrder(list: EnricherList, complain: (path: readonly PropertyKey[], message: string) => void): void {
  const order = list.order ?? []
  for (const [index, name] of order.entries()) {
    if (order.indexOf(name) < index) complain(['order', index], `order: ${name} is there twice.`)
    else if (!(list.sources ?? []).some((entry) => entry.name === name))
      complain(['order', index], `order: no enricher of sources is called ${name}.`)
  }
}

/** Those of `order` first; the others run too, as they do in upstream, behind them and as they stand. */
function inOrder(listed: readonly ListedEnricher[], list: EnricherList, warnings: string[]): ListedEnricher[] {
  const order = list.order ?? []
  const rest = listed.filter((one) => !order.includes(one.name))
  if (order.length > 0 && rest.length > 0)
    warnings.push(`${file}: ${rest.map((one) => one.name).join(', ')}: not in order, so it runs behind those that are.`)
  return [...order.flatMap((name) => listed.filter((one) => one.name === name)), ...rest]
}
