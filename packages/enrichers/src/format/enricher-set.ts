import type { EnricherFile, EnricherProblem } from '@pharos/contracts'
import type { ScriptStep } from 'starlark-js-bridge'
import type { YamlMap } from '../yaml/yaml-value.js'

/** A script that runs in the sandbox; its name is its path in the set. */
export interface ScriptOfEnricher extends ScriptStep {
  kind: 'script'
}

/** A YAML file that the scripts after it get as `meta.<ref>`. */
export interface MetaOfEnricher {
  kind: 'meta'
  path: string
  ref: string
  value: YamlMap
}

/** Shows in the prints what the step before gave. */
export interface DebugOfEnricher {
  kind: 'debug'
  label: string
}

export type EnricherStep = ScriptOfEnricher | MetaOfEnricher | DebugOfEnricher

/** A chain of steps that makes one context, whose owner is the enricher's name. */
export interface Enricher {
  name: string
  /** Folder of its files in the set; '' is the top. */
  folder: string
  steps: EnricherStep[]
  /** Kinds of its steps as the file names them: file, hbs, starlark, yaegi, debug. */
  stepNames: string[]
  /** Enrichers before it whose contexts it reads. */
  after: string[]
}

/** Enrichers that are checked, kept and replaced as a whole. */
export interface EnricherSet {
  /** SHA-256, in hex, over all files: sets with the same hash do the same. */
  hash: string
  files: EnricherFile[]
  /** In the order in which they run. */
  enrichers: Enricher[]
}

/** A set, or every mistake that was found in it. Scripts are not compiled yet: `EnricherRunner.validate` does that. */
export type ReadEnrichers = { ok: true; set: EnricherSet; warnings: string[] } | { ok: false; problems: EnricherProblem[] }
