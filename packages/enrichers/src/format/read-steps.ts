import { posix } from 'node:path'
import type { EnricherProblem } from '@pharos/contracts'
import type { ScriptEngine } from 'starlark-js-bridge'
import type { YamlDocument } from '../yaml/yaml-document.js'
import { jsonTextOf, type YamlValue } from '../yaml/yaml-value.js'
import type { EnricherStep } from './enricher-set.js'
import { StepList, type StepName, stepNames } from './format-schema.js'
import { checkDocument, readDocument } from './read-document.js'
import type { SetFiles } from './set-files.js'

const engines: Readonly<Partial<Record<StepName, ScriptEngine>>> = { hbs: 'template', starlark: 'starlark', yaegi: 'yaegi' }

const visualMessage =
  'visual: such an enricher is drawn and run by the user interface of upstream Pharos, at an address of its own; it has no script that could run here. Write it as hbs, starlark or yaegi.'

/** Reads an `enricher.yaml` and the files that its steps name. */
export function readSteps(
  files: SetFiles,
  file: string,
  problems: EnricherProblem[],
  warnings: string[],
): { steps: EnricherStep[]; stepNames: string[] } | undefined {
  const document = readDocument(file, files.get(file) ?? '', problems)
  const list = document && listOf(file, document, problems, warnings)
  if (!document || !list) return undefined
  const parsed = checkDocument(StepList, { file, document, value: list.value, path: [list.key] }, problems)
  if (!parsed) return undefined
  const steps: EnricherStep[] = []
  const before = problems.length
  for (const [index, step] of parsed.entries()) {
    const complain = (key: string, message: string): void => {
      problems.push({ file, ...document.placeOf([list.key, index, key]), message })
    }
    const name = stepNames.find((one) => one === step.name)
    if (name === undefined) complain('name', step.name === 'visual' ? visualMessage : unknownStep(step.name))
    else if (name === 'debug') steps.push({ kind: 'debug', label: String(step.config ?? '') })
    else {
      const found = configOf(files, file, String(step.config ?? ''), complain)
      if (!found) continue
      const engine = engines[name]
      if (engine) steps.push({ kind: 'script', engine, name: found.path, source: found.content })
      else steps.push(...metaStep(found, step.ref || refOf(found.path), problems))
    }
  }
  if (problems.length > before) return undefined
  if (!steps.some((step) => step.kind === 'script')) {
    problems.push({ file, ...document.placeOf([list.key]), message: 'No step makes a result: add one of hbs, starlark and yaegi.' })
    return undefined
  }
  return { steps, stepNames: parsed.map((step) => step.name) }
}

/** The list under `enricher`, or under `results` as older ConfigMaps of upstream have it. */
function listOf(
  file: string,
  document: YamlDocument,
  problems: EnricherProblem[],
  warnings: string[],
): { key: string; value: YamlValue } | undefined {
  const keys = document.value instanceof Map ? [...document.value.keys()] : []
  const key = ['enricher', 'results'].find((one) => keys.includes(one))
  if (key === undefined || !(document.value instanceof Map)) {
    const others = keys.length > 0 ? ` Its keys are ${keys.slice(0, 5).join(', ')}.` : ''
    problems.push({ file, line: 1, column: 1, message: `The steps stand in a list under the key enricher, which is not there.${others}` })
    return undefined
  }
  if (key === 'results') warnings.push(`${file}: the key results is an old name of enricher.`)
  const unused = keys.filter((one) => one !== key)
  if (unused.length > 0) warnings.push(`${file}: ${unused.join(', ')}: not used.`)
  return { key, value: document.value.get(key) ?? null }
}

function unknownStep(name: string): string {
  return `No step is called ${name || "''"}: there are ${stepNames.join(', ')}.`
}

function configOf(
  files: SetFiles,
  file: string,
  config: string,
  complain: (key: string, message: string) => void,
): { path: string; content: string } | undefined {
  if (config === '') {
    complain('config', 'config: the file of this step is not named.')
    return undefined
  }
  const path = posix.normalize(posix.join(posix.dirname(file), config))
  if (config.startsWith('/') || path.startsWith('..')) {
    complain('config', `config: ${config} leads out of the set.`)
    return undefined
  }
  const content = files.get(path)
  if (content === undefined) complain('config', `config: there is no file ${path}.`)
  return content === undefined ? undefined : { path, content }
}

/** File name without its extension. */
function refOf(path: string): string {
  return posix.basename(path, posix.extname(path))
}

function metaStep(found: { path: string; content: string }, ref: string, problems: EnricherProblem[]): EnricherStep[] {
  const document = readDocument(found.path, found.content, problems)
  if (!document) return []
  const value = document.value ?? new Map()
  if (!(value instanceof Map)) {
    problems.push({
      file: found.path,
      line: 1,
      column: 1,
      message: 'A file step reads a map: names with values, not a list or a single value.',
    })
    return []
  }
  try {
    jsonTextOf(value, 'go')
    return [{ kind: 'meta', path: found.path, ref, value }]
  } catch (error) {
    problems.push({ file: found.path, line: 1, column: 1, message: `This file cannot be given to a script: ${(error as Error).message}.` })
    return []
  }
}
