import type {
  ContextDifference,
  EnricherOutcome,
  EnricherOverview,
  EnricherProblem,
  EnricherRun,
  EnricherRunDetail,
  StoredEnricherSet,
} from '@pharos/contracts'
import type { EnricherTestResult } from '@pharos/enrichers'
import { facts, table } from './output.js'
import { ageText, shortDigest, shorten, terminalText } from './terminal-text.js'

/** `owner/owner.star:3:5: The name "ownr" is not defined.` */
export function problemLine({ file, line, column, message }: EnricherProblem): string {
  return `${[file, line, column].filter((part) => part !== undefined && part !== '').join(':')}: ${message}`
}

/** The active set and how its enrichers do. */
export function overviewText({ active, run, due, enrichers }: EnricherOverview, nowMs: number): string {
  if (active === null) return 'No enrichers are active. Send a set with: pharos enricher push FOLDER --activate\n'
  const about = facts([
    ['Active set', `${active.version}${active.label === null ? '' : `, ${active.label}`}`],
    ['Since', `${ageText(active.activatedAt, nowMs)} ago`],
    ['Waiting', `${due} images and workloads`],
    ...(run === null ? [] : [['Run', runStateText(run)] as const]),
  ])
  const rows = enrichers.map(({ name, engines, runs, failures, meanMs, lastError }) => [
    name,
    engines.join(', '),
    String(runs),
    String(failures),
    meanMs === null ? '-' : meanMs.toFixed(1),
    lastError === null ? '-' : `${ageText(lastError.at, nowMs)} ago: ${shorten(`${lastError.error.kind}: ${lastError.error.message}`, 70)}`,
  ])
  return `${about}\n${table(['ENRICHER', 'STEPS', 'RUNS', 'FAILURES', 'MEAN MS', 'LAST ERROR'], rows)}`
}

export function setTable(items: readonly StoredEnricherSet[], nowMs: number): string {
  return table(
    ['VERSION', 'STATE', 'ENRICHERS', 'LABEL', 'CREATED', 'BY', 'ID'],
    items.map((set) => [
      String(set.version),
      set.state,
      shorten(set.enrichers.map(({ name }) => name).join(', '), 50),
      shorten(set.label ?? '-', 40),
      ageText(set.createdAt, nowMs),
      shorten(set.createdBy, 30),
      set.id,
    ]),
  )
}

export function setText(set: StoredEnricherSet): string {
  return `${facts([
    ['Set', String(set.version)],
    ['Id', set.id],
    ['State', set.state],
    ['Enrichers', set.enrichers.map(({ name, engines }) => `${name} (${engines.join(', ')})`).join('; ')],
    ...(set.label === null ? [] : [['Label', set.label] as const]),
    ...(set.source === null ? [] : [['Source', `${set.source.git} at ${set.source.commit} ${set.source.path}`.trimEnd()] as const]),
    ...set.warnings.map((warning) => ['Warning', warning] as const),
  ])}${set.problems.map((problem) => `${problemLine(problem)}\n`).join('')}`
}

function runStateText({ kind, state, subjects, secondsLeft }: EnricherRun): string {
  const left = secondsLeft === null || state !== 'running' ? '' : `, about ${durationText(secondsLeft)} left`
  return `${kind} ${state} ${subjects.done}/${subjects.total}${left}`
}

function durationText(seconds: number): string {
  return seconds < 120 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`
}

/** One line of progress. */
export function runProgress(run: EnricherRun): string {
  return runStateText(run)
}

export function runTable(items: readonly EnricherRun[], nowMs: number): string {
  return table(
    ['ID', 'KIND', 'SET', 'STATE', 'DONE', 'FAILED', 'ADDED', 'CHANGED', 'REMOVED', 'STARTED', 'BY'],
    items.map((run) => [
      run.id,
      run.kind,
      String(run.setVersion),
      run.state,
      `${run.subjects.done}/${run.subjects.total}`,
      String(run.subjects.failed + run.contexts.failed),
      String(run.contexts.added),
      String(run.contexts.changed),
      String(run.contexts.removed),
      ageText(run.startedAt, nowMs),
      shorten(run.startedBy, 30),
    ]),
  )
}

export function runText(run: EnricherRun): string {
  const { contexts, subjects } = run
  return facts([
    ['Run', run.id],
    ['State', runStateText(run)],
    ['Set', String(run.setVersion)],
    ['Images and workloads', `${subjects.done} of ${subjects.total} done, ${subjects.failed} failed`],
    [
      'Contexts',
      `${contexts.added} added, ${contexts.changed} changed, ${contexts.removed} removed, ${contexts.unchanged} unchanged, ${contexts.failed} failed`,
    ],
    ...(run.problem === null ? [] : [['Problem', run.problem] as const]),
  ])
}

/** A run with the first of its differences. */
export function runDetailText(run: EnricherRunDetail): string {
  return run.samples.length === 0 ? runText(run) : `${runText(run)}\n${differenceTable(run.samples)}`
}

export function differenceTable(items: readonly ContextDifference[]): string {
  return table(
    ['IMAGE', 'KEY', 'ENRICHER', 'CHANGE', 'BEFORE', 'AFTER'],
    items.map(({ digest, key, owner, kind, before, after, error }) => [
      shortDigest(digest),
      shorten(key === '' ? '-' : key, 40),
      owner,
      kind,
      before === null ? '-' : shorten(JSON.stringify(before), 50),
      error === null ? (after === null ? '-' : shorten(JSON.stringify(after), 50)) : shorten(`${error.kind}: ${error.message}`, 50),
    ]),
  )
}

/** What came of enrichers on one payload: context, prints, time and steps, or the error with its place. */
export function outcomesText(outcomes: readonly EnricherOutcome[]): string {
  return outcomes.map(outcomeText).join('\n')
}

function outcomeText(outcome: EnricherOutcome): string {
  const rows = [
    ...(outcome.ok
      ? [
          ['Context', JSON.stringify(outcome.data)] as const,
          ['Time', `${outcome.ms.toFixed(1)} ms${outcome.steps === 0 ? '' : `, ${outcome.steps} steps`}`] as const,
        ]
      : [
          ['Error', failureLine(outcome.error)] as const,
          ['Time', `${outcome.ms.toFixed(1)} ms`] as const,
          ...(outcome.error.trace ?? '').split('\n').flatMap((line) => (line.trim() === '' ? [] : [['Trace', line] as const])),
        ]),
    ...outcome.prints.map((line) => ['Printed', line] as const),
  ]
  return facts([['Enricher', outcome.enricher], ...rows])
}

/** Tests of enrichers: a line for each, and below it what is not as expected. */
export function testResultsText(results: readonly EnricherTestResult[]): string {
  return results
    .map(({ ok, file, line, enricher, name, messages, prints, ms }) => {
      const head = `${ok ? 'ok  ' : 'FAIL'} ${enricher === '' ? '' : `${enricher}: `}${name}${ok ? ` (${ms.toFixed(1)} ms)` : ` (${file}:${line})`}`
      const below = ok ? [] : [...messages, ...prints.map((print) => `printed: ${print}`)]
      return [head, ...below.map((text) => `       ${text}`)].map((text) => `${terminalText(text)}\n`).join('')
    })
    .join('')
}

/** Ready enrichers. */
export function libraryTable(items: readonly { name: string; description: string }[]): string {
  return table(
    ['NAME', 'WHAT IT SAYS'],
    items.map(({ name, description }) => [name, shorten(description, 140)]),
  )
}

/** `owner/owner.star:3:5: runtime: ...` */
function failureLine({ script, line, column, kind, message }: Extract<EnricherOutcome, { ok: false }>['error']): string {
  return `${[script, line, column].filter((part) => part !== undefined).join(':')}: ${kind}: ${message}`
}
