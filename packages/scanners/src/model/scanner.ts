import type { CataloguerIdentity, EngineName, EngineReport, FailureReason } from '@pharos/contracts'
import type { Catalogue } from './catalogue.js'

/** Bounds of one run of an engine. */
export interface EngineLimits {
  readonly timeoutMs: number
  /** Resident memory beyond which the engine is killed. */
  readonly memoryLimitBytes: number
  /** Largest output that is read. */
  readonly outputLimitBytes: number
}

/** An image to catalogue, and where its SBOM goes. */
export interface CatalogueRequest {
  /** OCI layout with exactly the image to catalogue; engines have no other way to it. */
  readonly layoutDirectory: string
  readonly manifestDigest: string
  readonly platform: string
  /** The user's reference: a name in the SBOM, never an argument. */
  readonly reference: string
  /** Where the syft-json goes, gzip. */
  readonly sbomPath: string
  readonly workDirectory: string
  readonly limits: EngineLimits
  readonly signal: AbortSignal
}

/** Makes an SBOM of an image. */
export interface Cataloguer {
  readonly identity: CataloguerIdentity
  /**
   * Writes the SBOM to `sbomPath`.
   * @throws PharosError of the codes `image-*`, `catalogue-failed`, `engine-*`, `disk-full`, `cancelled`
   */
  catalogue(request: CatalogueRequest): Promise<void>
  /** Turns an SBOM in another format (CycloneDX, SPDX) into gzipped syft-json. @throws PharosError `sbom-invalid` */
  convert(request: {
    sourcePath: string
    sbomPath: string
    workDirectory: string
    limits: EngineLimits
    signal: AbortSignal
  }): Promise<void>
}

/** An SBOM, or the image too, to look for findings in. */
export interface ScanRequest {
  /** Gzipped syft-json. */
  readonly sbomPath: string
  /** OCI layout; null when only an SBOM is at hand. */
  readonly layoutDirectory: string | null
  /** The parsed SBOM; a scanner that finds further packages adds them. */
  readonly catalogue: Catalogue
  /** Folder of the imported database; null when there is none. */
  readonly databaseDirectory: string | null
  readonly workDirectory: string
  readonly limits: EngineLimits
  readonly signal: AbortSignal
}

/** The database that an engine says it used. */
export interface UsedDatabase {
  readonly schemaVersion: string
  /** RFC 3339. */
  readonly builtAt: string | null
  readonly checksum: string | null
  readonly isSample: boolean
}

/** What an engine found, by position in the catalogue's packages. */
export interface EngineFindings
  extends Pick<EngineReport, 'vulnerabilities' | 'matches' | 'secrets' | 'misconfigurations' | 'isDistroEndOfLife'> {
  readonly engineVersion: string | null
  readonly database: UsedDatabase | null
  /** Why the findings are not all: any reason makes the result partial. */
  readonly reasons: FailureReason[]
  readonly ignoredCount: number
}

/** Finds vulnerabilities (and more) in an image or its SBOM. */
export interface Scanner {
  readonly engine: EngineName
  readonly version: string | null
  /** @throws PharosError of the codes `engine-*`, `database-*`, `sbom-invalid`, `disk-full`, `cancelled` */
  scan(request: ScanRequest): Promise<EngineFindings>
}

/** State of an imported vulnerability database. */
export interface DatabaseStatus extends UsedDatabase {
  readonly engine: EngineName
  readonly directory: string
}

/** The provider that every sample database names; findings made with one are examples, not advice. */
export const sampleDatabaseMarker = 'pharos-sample'
