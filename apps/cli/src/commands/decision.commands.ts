import { DecidedFindings, FindingDetail, SetDecision } from '@pharos/contracts'
import type { Command } from 'commander'
import { addSchemaOptions, givenOptions } from '../options/options-from-schema.js'
import { facts, table } from '../output/output.js'
import { ageText, shorten } from '../output/terminal-text.js'
import type { RunCommand } from './command-context.js'

const decisionFields = ['status', 'justification', 'response', 'impactStatement', 'comment', 'until'] as const

function findingText({ finding, image, decision, history, vex }: FindingDetail, nowMs: number): string {
  const sections = [
    facts([
      ['Finding', finding.id],
      ['Image', image.references[0] ?? image.digest],
      ['Vulnerability', finding.vulnerability.id],
      ['Severity', finding.vulnerability.severity],
      ['Package', `${finding.package.name} ${finding.package.version}`],
      ['Fixed in', finding.fix.state === 'fixed' ? finding.fix.versions.join(', ') : finding.fix.state],
      ['Decision', decision?.status ?? 'new'],
      ...(decision?.justification ? [['Justification', decision.justification] as const] : []),
      ...(decision?.impactStatement ? [['Impact', decision.impactStatement] as const] : []),
      ...(decision?.comment ? [['Comment', decision.comment] as const] : []),
      ...(decision ? [['Decided by', `${decision.by} (${decision.source})`] as const] : []),
      ...(decision?.until ? [['Until', decision.until] as const] : []),
    ]),
  ]
  if (history.length > 0)
    sections.push(
      table(
        ['CHANGE', 'STATUS', 'BY', 'AGE', 'COMMENT'],
        history.map((event) => [event.kind, event.status ?? 'new', event.by, ageText(event.at, nowMs), shorten(event.comment ?? '', 60)]),
      ),
    )
  if (vex.length > 0)
    sections.push(
      table(
        ['VEX AUTHOR', 'STATUS', 'JUSTIFICATION', 'AGE', 'TRUSTED'],
        vex.map((said) => [
          shorten(said.author ?? '-', 40),
          said.status,
          said.justification ?? '-',
          ageText(said.at, nowMs),
          said.isTrusted ? 'yes' : 'no',
        ]),
      ),
    )
  return sections.join('\n')
}

/** Adds `pharos triage`. */
export function addDecisionCommands(program: Command, run: RunCommand): void {
  const triage = program
    .command('triage')
    .description('Show findings with what was decided about them, or decide with --status')
    .argument('<finding...>', 'Ids of findings, f_…')
  addSchemaOptions(triage, SetDecision, decisionFields)
  triage.action((ids: string[]) =>
    run(triage, async ({ api, output, nowMs }) => {
      const decision = givenOptions(triage.opts(), decisionFields)
      const [id = ''] = ids
      const path = `/findings/${encodeURIComponent(id)}`
      if (Object.keys(decision).length > 0 && ids.length > 1) {
        const decided = await api.request({ method: 'POST', path: '/findings:decide', body: { ids, ...decision } }, DecidedFindings)
        return output.result(
          decided,
          (value) =>
            `${value.decided} decided, ${value.unchanged} unchanged${value.notFound.length === 0 ? '' : `, not found: ${value.notFound.join(', ')}`}\n`,
        )
      }
      if (Object.keys(decision).length === 0) {
        const found: FindingDetail[] = []
        for (const one of ids) found.push(await api.request({ method: 'GET', path: `/findings/${encodeURIComponent(one)}` }, FindingDetail))
        return output.result(found, (value) => value.map((detail) => findingText(detail, nowMs())).join('\n'))
      }
      // What is decided is decided about the state that is read here; a change by somebody else in between is refused.
      const { version } = await api.request({ method: 'GET', path }, FindingDetail)
      const detail = await api.request({ method: 'PATCH', path, body: decision, headers: { 'if-match': `"${version}"` } }, FindingDetail)
      return output.result(detail, (value) => findingText(value, nowMs()))
    }),
  )
}
