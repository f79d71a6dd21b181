import { Inject, Injectable } from '@nestjs/common'
import type { EngineName, RematchReport } from '@pharos/contracts'
import { type Clock, CONFIGURATION, InjectClock } from '@pharos/service-kit'
import type { ResultsConfiguration } from '../configuration.js'
import { oneRow } from '../database/sql.js'
import type { Transaction } from '../database/transaction.js'
import { DecisionRules } from '../decisions/decision-rules.js'
import { imagesMoved } from '../enrichment/due-subjects.js'
import { EventLog } from '../events/event-log.js'
import { SummaryStore } from '../findings/summary-store.js'
import { generationRefOf, type GenerationRow } from '../generations/generation-view.js'
import { engineCode } from '../inventory/column-codes.js'
import { RematchChunkStore } from './rematch-chunk-store.js'
import { PhaseTimes } from './phase-times.js'
import { preparedReport, type RematchProgressRow, type RematchRow, secondsBetween } from './rematch-view.js'
import { SwitchFindings } from './switch-findings.js'
import { SwitchImages } from './switch-images.js'
import { SwitchMatches } from './switch-matches.js'

/** Parts of a switch that work set by set. */
@Injectable()
export class SwitchParts {
  constructor(
    readonly matches: SwitchMatches,
    readonly findings: SwitchFindings,
    readonly images: SwitchImages,
    readonly summaries: SummaryStore,
    readonly decisions: DecisionRules,
  ) {}
}

/** What a switch came to. */
export type SwitchOutcome =
  | { readonly outcome: 'switched'; readonly report: RematchReport }
  /** Packages came in meanwhile: they are matched first. */
  | { readonly outcome: 'another-round'; readonly packages: number }

/** Of more images than this share all are counted together, in the order of the table. */
const recountShare = 0.5

/** After so many rounds the switch goes ahead, and images with packages that came in late are scanned again. */
const roundLimit = 3

/**
 * Makes visible what a re-match has prepared: matches, findings, summaries and the generation of results, in the caller's
 * transaction. The caller holds the re-match's row, and reports are kept out.
 */
@Injectable()
export class RematchSwitch {
  constructor(
    private readonly parts: SwitchParts,
    private readonly chunks: RematchChunkStore,
    private readonly events: EventLog,
    @Inject(CONFIGURATION) private readonly configuration: Pick<ResultsConfiguration, 'rematches' | 'scans'>,
    @InjectClock() private readonly clock: Clock,
  ) {}

  /** `heldSince`: when reports began to wait, by performance.now(). */
  async run(
    tx: Transaction,
    rematch: RematchRow,
    progress: RematchProgressRow,
    { judgedGenerationId, heldSinceMs }: { judgedGenerationId: string; heldSinceMs: number },
  ): Promise<SwitchOutcome> {
    const { matches, findings, images } = this.parts
    const at = this.clock.now()
    const begunMs = performance.now()
    const phases = new PhaseTimes()
    const codes = { rematchId: rematch.id, engineCode: engineCode(rematch.engine), keysVersion: rematch.keys_version }
    await tuneForSets(tx)
    const late = await phases.time('arrivals', () =>
      images.findLate(tx, { ...codes, lastVulnerabilityId: Number(rematch.last_vulnerability_id) }),
    )
    if ((late.packages > 0 || late.hasScores) && rematch.round < roundLimit) {
      await this.addRound(tx, rematch)
      return { outcome: 'another-round', packages: late.packages }
    }
    await images.leaveLate(tx, rematch.id)
    await phases.time('locks', () => tx.query('select from image order by id for update'))
    const generation = await this.generation(tx, rematch.generation_id)
    await phases.time('vulnerabilities', () => matches.keepFormer(tx))
    const counted = await phases.time('matches', () => matches.apply(tx, { ...codes, generationId: rematch.generation_id }))
    const changed = await phases.time('findings', () =>
      findings.apply(tx, {
        ...codes,
        engine: rematch.engine,
        generationId: rematch.generation_id,
        epssThreshold: this.configuration.rematches.epssEventThreshold,
        at,
      }),
    )
    const moved = await phases.time('results', () =>
      images.move(tx, {
        ...codes,
        generationId: rematch.generation_id,
        judgedGenerationId,
        engineVersion: rematch.engine_version === '' ? null : rematch.engine_version,
        database: this.usedDatabase(generation),
      }),
    )
    const movedRisk = await phases.time('risks', () => matches.imagesOfMovedRisk(tx))
    const affectedImages = [...new Set([...(movedRisk ?? []), ...changed.map(({ imageId }) => imageId)])]
    const isMost = affectedImages.length > recountShare * (await images.count(tx))
    await phases.time('summaries', () => this.parts.summaries.recount(tx, movedRisk === null || isMost ? null : affectedImages))
    await phases.time('decisions', () =>
      this.parts.decisions.applyToImages(
        tx,
        changed.map(({ imageId }) => imageId),
        at,
      ),
    )
    await phases.time('events', () => this.announce(tx, rematch.engine, changed))
    await phases.time('enrichment', () => imagesMoved(tx, movedRisk === null ? null : affectedImages))
    const prepared = preparedReport(rematch, progress, at)
    const vulnerabilities = { ...prepared.vulnerabilities, ...(await matches.moved(tx)) }
    const endedMs = performance.now()
    return {
      outcome: 'switched',
      report: {
        ...prepared,
        packages: await this.countUnits(tx, rematch),
        matches: counted,
        vulnerabilities,
        findings: {
          appeared: sum(changed, 'appeared'),
          gone: sum(changed, 'gone'),
          changed: sum(changed, 'changed'),
        },
        images: { affected: changed.length, ...moved },
        seconds: {
          ...prepared.seconds,
          switching: Math.round(endedMs - begunMs) / 1000,
          total: secondsBetween(rematch.started_at, new Date()),
          held: Math.round(endedMs - heldSinceMs) / 1000,
          phases: phases.seconds(),
        },
      },
    }
  }

  private async addRound(tx: Transaction, rematch: RematchRow): Promise<void> {
    const { chunkPackages, chunkVulnerabilities } = this.configuration.rematches
    await this.chunks.addLatePackages(tx, rematch.id, chunkPackages)
    await this.chunks.addScores(tx, rematch.id, {
      after: Number(rematch.last_vulnerability_id),
      engine: rematch.engine,
      size: chunkVulnerabilities,
    })
    await tx.query(
      `update rematch set state = 'preparing', round = round + 1, matched_at = null, last_vulnerability_id = coalesce((select max(id) from vulnerability), 0) where id = $1`,
      [rematch.id],
    )
  }

  private async generation(tx: Transaction, id: string): Promise<GenerationRow> {
    const row = await oneRow<GenerationRow>(tx, 'select * from database_generation where id = $1', [id])
    if (row === null) throw new Error(`the generation ${id} of a re-match is gone`)
    return row
  }

  private usedDatabase(generation: GenerationRow) {
    const { schemaVersion, checksum, builtAt, isSample, isStale } = generationRefOf(
      generation,
      this.clock.now(),
      this.configuration.scans.databaseMaxAgeMs,
    )
    return { schemaVersion, checksum, builtAt, isSample, isStale }
  }

  private async announce(tx: Transaction, engine: EngineName, changed: Awaited<ReturnType<SwitchFindings['apply']>>): Promise<void> {
    const news = changed.filter(({ appeared, gone, changed: others }) => appeared + gone + others > 0)
    await this.events.append(
      tx,
      news.map(({ digest, appeared, gone, changed: others }) => ({
        type: 'findings.changed' as const,
        digest,
        engine,
        appeared,
        gone,
        changed: others,
        cause: 'database' as const,
      })),
    )
  }

  private async countUnits(tx: Transaction, { id, skipped_packages: skipped }: RematchRow): Promise<RematchReport['packages']> {
    const row = await oneRow<RematchReport['packages']>(
      tx,
      `select count(*) filter (where state = 1)::int as matched, count(*) filter (where state = 2)::int + $2 as skipped, count(*) filter (where state = 3)::int as failed
         from rematch_unit where rematch_id = $1`,
      [id, skipped],
    )
    return row ?? { matched: 0, skipped: 0, failed: 0 }
  }
}

/** Few large statements: room for their sorts and hashes, and no compiling of their expressions. */
async function tuneForSets(tx: Transaction): Promise<void> {
  await tx.query(`set local work_mem = '128MB'`)
  await tx.query('set local jit = off')
}

function sum(items: readonly { appeared: number; gone: number; changed: number }[], field: 'appeared' | 'gone' | 'changed'): number {
  return items.reduce((total, item) => total + item[field], 0)
}
