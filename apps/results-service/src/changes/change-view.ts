import { type Change, type ChangeCause, type EngineName, EventBody } from '@pharos/contracts'
import { publicFindingId } from '../findings/finding-identity.js'
import { engineOf, fixStateOf, severityOf } from '../inventory/column-codes.js'
import { originalText } from '../inventory/stored-text.js'
import { packageRefOf } from '../packages/package-view.js'
import { type ChangeRow, changeSources } from './changes.repository.js'

/** A row of the feed as the API shows it. */
export function changeOf(row: ChangeRow): Change {
  return row.source === changeSources.image ? imageChangeOf(row) : findingChangeOf(row)
}

function imageChangeOf(row: ChangeRow): Change {
  const body = EventBody.parse(row.body)
  const firstResults: EngineName[] = body.type === 'image.scanned' ? (body.firstResults ?? []) : []
  const change =
    body.type === 'image.removed' ? 'removed' : body.type === 'image.deleted-from-registry' ? 'deleted-from-registry' : 'scanned'
  return { subject: 'image', at: row.at.toISOString(), change, image: row.digest ?? '', firstResults }
}

function findingChangeOf(row: ChangeRow): Change {
  const isDecision = row.source === changeSources.decision
  return {
    subject: 'finding',
    at: row.at.toISOString(),
    change: isDecision ? 'decided' : (row.kind as 'appeared' | 'gone' | 'changed'),
    cause: isDecision ? (row.decision_source === 'vex' ? 'vex' : 'decision') : ((row.cause ?? 'scan') as ChangeCause),
    id: publicFindingId('f', row.finding_id ?? ''),
    image: row.digest ?? '',
    engine: engineOf(row.engine ?? 0),
    vulnerability: originalText(row.canonical_id ?? ''),
    package: packageRefOf({ type: row.type ?? '', name: row.name ?? '', version: row.version ?? '', purl: row.purl }),
    before: factsOf(row.before_severity, row.before_fix_state, row.before_is_kev),
    after: factsOf(row.severity, row.fix_state, row.is_kev),
    decision: row.status,
    generationId: row.generation_id,
    ...(row.fits === false ? { left: true } : {}),
  }
}

function factsOf(severity: number | null, fixState: number | null, kev: boolean | null) {
  if (severity === null || fixState === null || kev === null) return null
  return { severity: severityOf(severity), fixState: fixStateOf(fixState), kev }
}
