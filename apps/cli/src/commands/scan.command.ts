import {
  durationMs,
  endedTaskStates,
  PharosError,
  ScanProgress,
  ScanResult,
  ScanTask,
  type Severity,
  severityRank,
  SubmitScan,
} from '@pharos/contracts'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { readEvents } from '../client/event-stream.js'
import { CommandEnd, exitCodes } from '../exit-code.js'
import { addSchemaOptions, givenOptions } from '../options/options-from-schema.js'
import { findingTable, imageFacts } from '../output/result-tables.js'
import type { CommandContext, RunCommand } from './command-context.js'

const submitFields = ['platform', 'engines', 'priority', 'maxAge', 'force', 'contextKey', 'cohort'] as const
const failOnSeverities = ['critical', 'high', 'medium', 'low', 'negligible'] as const satisfies readonly Severity[]

function addContext(pair: string, former: Record<string, string> = {}): Record<string, string> {
  const at = pair.indexOf('=')
  if (at < 1) throw new InvalidArgumentError('Write it as key=value.')
  return { ...former, [pair.slice(0, at)]: pair.slice(at + 1) }
}

/** Adds `pharos scan IMAGE`. */
export function addScanCommand(program: Command, run: RunCommand): void {
  const command = program
    .command('scan')
    .description('Scan an image and show what is vulnerable in it')
    .argument('<image>', 'Image reference, e.g. alpine:3.18')
  addSchemaOptions(command, SubmitScan, submitFields)
  command.option('--context <key=value>', 'Fact to keep with the image, e.g. team=payments; may be repeated', addContext)
  command.option('--no-wait', 'Submit only; print the task')
  command.option('--timeout <duration>', 'Longest time to wait for the result', '15m')
  command.option('--allow-partial', 'Exit 0 also when something could not be looked at')
  command.addOption(
    new Option('--fail-on <severity>', 'Exit 5 when there is an open finding this severe or worse').choices([...failOnSeverities]),
  )
  command.action((image: string) => run(command, async (context) => scan(context, image, command.opts())))
}

interface ScanOptions {
  wait: boolean
  timeout: string
  allowPartial?: boolean
  failOn?: Severity
  context?: Record<string, string>
}

async function scan(context: CommandContext, image: string, options: ScanOptions & Record<string, unknown>): Promise<void> {
  const { api, output } = context
  const body = { image, ...givenOptions(options, submitFields), ...(options.context === undefined ? {} : { context: options.context }) }
  const task = await api.request({ method: 'POST', path: '/scans', body }, ScanTask.or(ScanResult.transform((result) => result.task)))
  if (!options.wait) return output.result(task, (value) => `${value.id}\n`)
  const ended = await follow(context, task, durationMs(options.timeout))
  if (ended === null)
    throw new CommandEnd(
      exitCodes.timeout,
      `The scan ${task.id} has not ended within ${options.timeout}; it goes on. Look again with: pharos scans --id ${task.id}`,
    )
  if (ended.state !== 'succeeded' && ended.state !== 'partial') {
    output.result(ended, () => '')
    throw new CommandEnd(
      exitCodes.scanFailed,
      `The scan ended ${ended.state}: ${ended.failure?.detail ?? 'no reason is known'}${ended.failure ? ` (${ended.failure.code})` : ''}`,
    )
  }
  const result = await api.request({ method: 'GET', path: `/scans/${task.id}/result` }, ScanResult)
  output.result(result, (value) => `${imageFacts(value.image, context.nowMs())}\n${findingTable(value.topFindings)}`)
  judge(result, options)
}

/** The ended task, or null when the time is over. A stream that breaks is opened again. */
async function follow(context: CommandContext, task: ScanTask, timeoutMs: number): Promise<ScanTask | null> {
  const { api, output } = context
  const deadline = AbortSignal.timeout(timeoutMs)
  let latest: { state: ScanTask['state'] } = task
  try {
    while (!endedTaskStates.has(latest.state)) {
      const stream = await api.open({ method: 'GET', path: `/scans/${task.id}/events`, signal: deadline })
      for await (const event of readEvents(stream)) {
        const progress = ScanProgress.parse(JSON.parse(event.data))
        latest = progress
        output.progress(`${progress.state}  ${progress.phase}${progress.detail === null ? '' : `  ${progress.detail}`}`)
      }
    }
  } catch (error) {
    if (deadline.aborted) return null
    if (!(error instanceof PharosError))
      throw new PharosError(
        'upstream-unavailable',
        `The progress of ${task.id} broke off: ${error instanceof Error ? error.message : 'unknown reason'}. The scan goes on.`,
        { cause: error },
      )
    throw error
  } finally {
    output.endProgress()
  }
  return api.request({ method: 'GET', path: `/scans/${task.id}` }, ScanTask)
}

function judge(result: ScanResult, options: ScanOptions): void {
  const { failOn } = options
  const limit = failOn === undefined ? Number.POSITIVE_INFINITY : severityRank[failOn]
  const severe = result.image.engines.reduce(
    (count, engine) =>
      count +
      Object.entries(engine.counts)
        .filter(([severity]) => severityRank[severity as Severity] >= limit)
        .reduce((sum, [, value]) => sum + value, 0),
    0,
  )
  if (severe > 0)
    throw new CommandEnd(
      exitCodes.findings,
      `There ${severe === 1 ? 'is 1 finding' : `are ${severe} findings`} of severity ${failOn} or worse.`,
    )
  if (result.task.state === 'partial' && !options.allowPartial) {
    const reasons = result.task.outcomes.flatMap((outcome) => outcome.reasons.map((reason) => `  ${outcome.engine}: ${reason.detail}`))
    throw new CommandEnd(exitCodes.scanPartial, `The result is partial:\n${reasons.join('\n')}`)
  }
}
