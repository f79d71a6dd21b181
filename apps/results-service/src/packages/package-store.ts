import { Injectable } from '@nestjs/common'
import { PackageFacts, PharosError } from '@pharos/contracts'
import { z } from 'zod'
import { rows } from '../database/sql.js'
import type { Transaction } from '../database/transaction.js'
import { idArray, jsonArray, plainArray, textArray } from '../ingest/array-parameter.js'
import { type Lines, parseLine } from '../ingest/received-report.js'
import type { FactsOfTransaction, KnownPackage } from '../inventory/known-facts.js'
import { storedText } from '../inventory/stored-text.js'

/** A package of a report, as it is stored. */
export interface StoredPackage extends KnownPackage {
  /** Of its facts, hex. */
  readonly hash: string
  /** This transaction has given the id: nothing else can refer to it yet. */
  readonly isNew: boolean
}

/** The lines of a report that are about its packages. */
export interface PackageLines {
  readonly packages: Lines
  readonly inputs: Lines | null
}

const Upstream = z.tuple([z.string(), z.string().nullable()])

interface Missing {
  readonly hash: string
  readonly facts: PackageFacts
}

/** Packages as facts: stored once for all images, never changed. */
@Injectable()
export class PackageStore {
  /**
   * Makes sure that the packages are stored, and returns them in the order of the lines. Those that are missing are inserted,
   * in the order of their hashes; what matchers read of a package is stored as soon as a report brings it.
   */
  async ensure(tx: Transaction, known: FactsOfTransaction, { packages, inputs }: PackageLines): Promise<StoredPackage[]> {
    const hashes = Array.from({ length: packages.count }, (_value, position) => packages.hash(position))
    const found = new Map<string, StoredPackage>()
    const missing = new Map<string, Missing>()
    for (const [position, hash] of hashes.entries()) {
      if (found.has(hash) || missing.has(hash)) continue
      const fact = known.get('packages', hash)
      if (fact === undefined) missing.set(hash, { hash, facts: spelledFacts(packages.text(position)) })
      else found.set(hash, { ...fact, hash, isNew: false })
    }
    if (missing.size > 0) await this.ensureMissing(tx, missing, found)
    if (inputs !== null) await this.storeInputs(tx, { packages, inputs }, hashes, missing, found)
    for (const item of found.values()) {
      if (missing.has(item.hash) || item.hasInput !== known.get('packages', item.hash)?.hasInput) known.addPackage(item.hash, factOf(item))
    }
    return hashes.map((hash) => found.get(hash) ?? neverStored())
  }

  private async ensureMissing(tx: Transaction, missing: ReadonlyMap<string, Missing>, found: Map<string, StoredPackage>): Promise<void> {
    const add = (stored: readonly IdRow[], isNew: boolean): void => {
      for (const { id, hash, hasInput } of stored) {
        const item = missing.get(hash)
        if (item === undefined) continue
        const [type, name, version] = item.facts
        found.set(hash, { id: Number(id), hash, isNew, hasInput, type, name, version })
      }
    }
    const absent = (): Missing[] => [...missing.values()].filter(({ hash }) => !found.has(hash))
    add(await this.query(tx, absent()), false)
    if (absent().length === 0) return
    add(await this.insert(tx, absent()), true)
    // What another transaction inserted meanwhile has committed by now: the insert waited for it.
    if (absent().length > 0) add(await this.query(tx, absent()), false)
  }

  private query(tx: Transaction, wanted: readonly Missing[]): Promise<IdRow[]> {
    return rows<IdRow>(
      tx,
      `select p.id, replace(p.hash::text, '-', '') as hash, exists (select from package_input i where i.package_id = p.id) as "hasInput"
         from package p where p.hash = any ($1::uuid[])`,
      [plainArray(wanted.map(({ hash }) => hash))],
    )
  }

  /** Answers those that it has inserted. */
  private async insert(tx: Transaction, absent: readonly Missing[]): Promise<IdRow[]> {
    const items = [...absent].sort((one, other) => (one.hash < other.hash ? -1 : 1))
    const column = (of: (facts: PackageFacts) => string | null): Buffer => textArray(items.map(({ facts }) => storedOrNull(of(facts))))
    const inserted = await rows<{ id: string; hash: string }>(
      tx,
      `insert into package (hash, type, name, version, purl, distro, language, detail)
       select unnest($1::uuid[]), unnest($2::text[]), unnest($3::text[]), unnest($4::text[]), unnest($5::text[]), unnest($6::text[]), unnest($7::text[]), unnest($8::json[])
       on conflict (hash) do nothing returning id, hash`,
      [
        plainArray(items.map(({ hash }) => hash)),
        column(([type]) => type),
        column(([, name]) => name),
        column(([, , version]) => version),
        column(([, , , , , purl]) => purl),
        column(([, , , distro]) => distro),
        column(([, , , , language]) => language),
        jsonArray(items.map(({ facts }) => detailOf(facts))),
      ],
    )
    return inserted.map(({ id, hash }) => ({ id, hash: hash.replaceAll('-', ''), hasInput: false }))
  }

  /**
   * Stores what matchers read of the packages that lack it. An empty line says that nothing is known. The key among a package's
   * facts is the hash of its input: no report can bring another one for a package that other images have.
   */
  private async storeInputs(
    tx: Transaction,
    { packages, inputs }: { packages: Lines; inputs: Lines },
    hashes: readonly string[],
    missing: ReadonlyMap<string, Missing>,
    found: Map<string, StoredPackage>,
  ): Promise<void> {
    const lacking = new Map<number, { item: StoredPackage; input: Buffer }>()
    for (const [position, hash] of hashes.entries()) {
      const item = found.get(hash)
      if (item === undefined || item.hasInput || lacking.has(item.id)) continue
      const input = inputs.bytes(position)
      if (input.byteLength === 0) continue
      const [, , , , , , , , matchKey] = missing.get(hash)?.facts ?? spelledFacts(packages.text(position))
      if (matchKey !== inputs.hash(position))
        throw new PharosError('report-invalid', 'The key of a package is not that of what matchers read of it.')
      lacking.set(item.id, { item, input })
    }
    if (lacking.size === 0) return
    const items = [...lacking.values()].sort((one, other) => one.item.id - other.item.id)
    await tx.query(
      'insert into package_input (package_id, input) select unnest($1::int8[]), unnest($2::text[]) on conflict (package_id) do nothing',
      [idArray(items.map(({ item }) => item.id)), textArray(items.map(({ input }) => input))],
    )
    for (const { item } of items) found.set(item.hash, { ...item, hasInput: true })
  }
}

interface IdRow {
  id: string
  hash: string
  hasInput: boolean
}

const factOf = ({ id, type, name, version, hasInput }: StoredPackage): KnownPackage => ({ id, type, name, version, hasInput })

const storedOrNull = (text: string | null): string | null => (text === null ? null : storedText(text))

function neverStored(): never {
  throw new PharosError('internal-error', 'A package was not stored.')
}

/**
 * Facts that are not stored yet, checked: the hash of the line is the identity of the package, so the line must be their one
 * spelling. Throws `report-invalid`.
 */
function spelledFacts(line: string): PackageFacts {
  const facts = parseLine(PackageFacts, line, 'package')
  const [type, name, version, distro, language, purl, upstreams, cpes, matchKey] = facts
  const spelled: PackageFacts = [type, name, version, distro, language, purl, [...upstreams].sort(), [...cpes].sort(), matchKey]
  if (JSON.stringify(spelled) !== line)
    throw new PharosError('report-invalid', 'A package of the report is not spelled as the contract says.')
  return facts
}

function detailOf([, , , , , , upstreams, cpes]: PackageFacts): string {
  return JSON.stringify({ upstreams: upstreams.map((text) => upstreamOf(text)), cpes })
}

function upstreamOf(text: string): { name: string; version: string | null } {
  const [name, version] = parseLine(Upstream, text, 'package')
  return { name, version }
}
