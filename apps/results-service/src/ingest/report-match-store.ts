import { Injectable } from '@nestjs/common'
import { PharosError, ReportVulnerability } from '@pharos/contracts'
import { vulnerabilityKey } from '@pharos/service-kit'
import type { Transaction } from '../database/transaction.js'
import type { ReportedFinding } from '../findings/finding-diff.js'
import { severityCode } from '../inventory/column-codes.js'
import type { FactsOfTransaction, KnownVulnerability } from '../inventory/known-facts.js'
import { MatchStore } from '../vulnerabilities/match-store.js'
import { type ReportedVulnerability, storedRisk, VulnerabilityStore } from '../vulnerabilities/vulnerability-store.js'
import type { ReportedPackages } from './report-image-store.js'
import { parseLine, type ReceivedEngine } from './received-report.js'

interface Unknown {
  readonly engine: number
  readonly position: number
  readonly lineHash: string
  readonly risk: number | null
  readonly vulnerability: ReportVulnerability
}

/** What engines say of packages: vulnerabilities and matches, stored once for all images. */
@Injectable()
export class ReportMatchStore {
  constructor(
    private readonly vulnerabilities: VulnerabilityStore,
    private readonly matches: MatchStore,
  ) {}

  /** Makes sure that the vulnerabilities of all engines are stored with their scores, and returns them by engine and line. */
  async storeVulnerabilities(
    tx: Transaction,
    known: FactsOfTransaction,
    engines: readonly ReceivedEngine[],
  ): Promise<Map<ReceivedEngine, KnownVulnerability[]>> {
    const { found, isMixed } = await this.findVulnerabilities(tx, known, engines, true)
    // What is new may have changed what is known: groups of aliases merge.
    const isOver = isMixed && (await known.haveChanged(tx))
    const settled = isOver ? (await this.findVulnerabilities(tx, known, engines, false)).found : found
    return new Map(engines.map((engine, position) => [engine, settled[position] ?? []]))
  }

  private async findVulnerabilities(tx: Transaction, known: FactsOfTransaction, engines: readonly ReceivedEngine[], trustsKnown: boolean) {
    const found = engines.map((): KnownVulnerability[] => [])
    const unknown: Unknown[] = []
    for (const [engine, { header, vulnerabilities }] of engines.entries()) {
      for (let position = 0; position < vulnerabilities.count; position += 1) {
        const given = header.risks[position] ?? null
        const risk = given === null ? null : storedRisk(given)
        const lineHash = vulnerabilities.hash(position)
        const fact = trustsKnown ? known.get('vulnerabilities', lineHash) : undefined
        if (fact !== undefined && (risk === null || fact.risk === risk)) found[engine]?.push(fact)
        else {
          found[engine]?.push(placeholder)
          unknown.push({
            engine,
            position,
            lineHash,
            risk,
            vulnerability: parseLine(ReportVulnerability, vulnerabilities.text(position), 'vulnerability'),
          })
        }
      }
    }
    const stored = await this.vulnerabilities.ensure(
      tx,
      unknown.map(({ vulnerability, risk }): ReportedVulnerability => ({ vulnerability, risk })),
    )
    const lastOfKey = new Map(unknown.map((item) => [vulnerabilityKey(item.vulnerability), item]))
    for (const item of unknown) {
      const key = vulnerabilityKey(item.vulnerability)
      const row = stored.get(key)
      if (row === undefined) throw new PharosError('internal-error', 'A vulnerability was not stored.')
      const { id, groupId, groupSeed, risk } = row
      const fact = {
        id,
        groupId,
        groupSeed,
        risk,
        severity: severityCode(item.vulnerability.severity),
        isKev: item.vulnerability.kev !== null,
      }
      // Of two lines about one record the last is what is stored.
      if (lastOfKey.get(key)?.lineHash === item.lineHash) known.addVulnerability(item.lineHash, fact)
      const places = found[item.engine]
      if (places !== undefined) places[item.position] = fact
    }
    return {
      found,
      isMixed: unknown.length > 0 && unknown.length < engines.reduce((sum, { vulnerabilities }) => sum + vulnerabilities.count, 0),
    }
  }

  /** Makes sure that an engine's matches are stored, and returns what it finds where. */
  async storeMatches(
    tx: Transaction,
    known: FactsOfTransaction,
    packages: ReportedPackages,
    engine: ReceivedEngine,
    vulnerabilities: readonly KnownVulnerability[],
  ): Promise<ReportedFinding[]> {
    const groups = engine.matches.map((group) => ({
      ...packages.at(group.packagePosition),
      vulnerabilities: group.vulnerabilityPositions.map((position) => vulnerabilities[position] ?? placeholder),
      lines: group.lines,
      hash: group.hash(),
    }))
    const stored = await this.matches.ensure(
      tx,
      known,
      engine.header.engine,
      engine.header.database?.generationId ?? null,
      groups.map((group) => ({ ...group, vulnerabilityIds: group.vulnerabilities.map(({ id }) => id) })),
    )
    const findings: ReportedFinding[] = []
    for (const [position, { occurrence, packageId, vulnerabilities: ofGroup }] of groups.entries()) {
      const matched = stored[position]
      for (const [index, { id, groupId, groupSeed, severity, risk, isKev }] of ofGroup.entries()) {
        findings.push({
          occurrence,
          packageId,
          vulnerabilityId: id,
          groupId,
          groupSeed,
          matchId: matched?.matchIds[index] ?? 0,
          severity,
          fixState: matched?.fixStates[index] ?? 0,
          risk,
          isKev,
        })
      }
    }
    return findings
  }
}

/** Stands where a vulnerability is not known yet. */
const placeholder: KnownVulnerability = { id: 0, groupId: 0, groupSeed: '', risk: 0, severity: 0, isKev: false }
