import type { ReportPackage } from '@pharos/contracts'

/** The Linux distribution of an image as the cataloguer read it. */
export interface CataloguedDistro {
  readonly id: string
  readonly versionId: string | null
  readonly prettyName: string | null
}

/** What an SBOM says, in the form of the report: packages by position, found again by artifact id or by purl. */
export class Catalogue {
  readonly packages: ReportPackage[] = []
  private readonly positionById = new Map<string, number>()
  private readonly positionsByKey = new Map<string, number[]>()
  private readonly inputs: string[] = []

  constructor(
    readonly cataloguer: { readonly name: string; readonly version: string },
    readonly distro: CataloguedDistro | null,
    /** Files that the cataloguer could not read. */
    readonly unreadable: readonly { path: string; reason: string }[],
  ) {}

  /** Adds a package and returns its position. */
  add(entry: ReportPackage, artifactId?: string): number {
    const position = this.packages.push(entry) - 1
    if (artifactId !== undefined) this.positionById.set(artifactId, position)
    const key = packageKey(entry)
    const positions = this.positionsByKey.get(key)
    if (positions === undefined) this.positionsByKey.set(key, [position])
    else positions.push(position)
    return position
  }

  /** Notes what matchers read of a package, and under which key: packages of the same key match the same, in whichever image they are. */
  noteMatcherInput(artifactId: string, key: string, input: string): void {
    const position = this.positionById.get(artifactId)
    const entry = position === undefined ? undefined : this.packages[position]
    if (position === undefined || entry === undefined) return
    entry.matchKey = key
    this.inputs[position] = input
  }

  /** What was noted, a line for each package in their order, empty for one without; undefined when nothing was. */
  get matcherInputs(): string | undefined {
    return this.inputs.length === 0 ? undefined : this.packages.map((_, position) => this.inputs[position] ?? '').join('\n')
  }

  byArtifactId(id: string): number | undefined {
    return this.positionById.get(id)
  }

  /** The package of this type, name and version; of several, the one at this path, else the first. */
  byIdentity(entry: Pick<ReportPackage, 'type' | 'name' | 'version'>, path?: string): number | undefined {
    const positions = this.positionsByKey.get(packageKey(entry)) ?? []
    return positions.find((position) => this.packages[position]?.locations.some((location) => location.path === path)) ?? positions[0]
  }
}

function packageKey(entry: Pick<ReportPackage, 'type' | 'name' | 'version'>): string {
  return `${entry.type}\0${entry.name}\0${entry.version}`
}
