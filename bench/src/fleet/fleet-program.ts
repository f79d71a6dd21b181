import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { findTool, pharosHome, repositoryDirectory } from '@pharos/test-kit'

const run = promisify(execFile)

/** What decides the fleet and its databases; the same values give the same ones. */
export interface World {
  seed: number
  /** About how many records a database holds. */
  records: number
  /** The first so many names of each ecosystem; 0 for all. */
  projects: number
  /** Projects that the third database differs in from the second. */
  touchedProjects: number
}

/** A database of the world: the first state, the next day's, and one that differs from that in a few projects. */
export type Generation = 1 | 2 | 3

/** The made-up fleet of tools/cmd/pharos-fleet. What takes long to make is kept by its parameters. */
export class FleetProgram {
  private readonly program: string
  private readonly cache: string

  constructor(private readonly world: World) {
    const program = findTool('pharos-fleet')
    if (program === undefined) throw new Error('pharos-fleet was not built; node tools/build.mjs makes it')
    this.program = program
    const { seed, records, projects, touchedProjects } = world
    this.cache = join(pharosHome(), 'fleet', `seed${seed}-records${records}-projects${projects}-touched${touchedProjects}`)
  }

  /** The archive of a database. Building one of 100,000 records takes minutes, once. */
  async database(generation: Generation): Promise<string> {
    // The facts of the sample databases are in it too: a canary finds what it knows.
    const base = join(repositoryDirectory, 'tools/facts/facts.json')
    const directory = await this.kept(`database-${generation}`, (out) => [
      'databases',
      '--out',
      out,
      '--generations',
      String(generation),
      '--base',
      base,
    ])
    const folder = join(directory, String(generation))
    const archive = (await readdir(folder)).find((name) => name.includes('.tar.'))
    if (archive === undefined) throw new Error(`there is no archive in ${folder}`)
    return join(folder, archive)
  }

  /** Folder with the images of the fleet and their unique packages. */
  images(count: number): Promise<string> {
    return this.kept(`images-${count}`, (out) => ['images', '--out', out, '--images', String(count)])
  }

  /** Writes the SBOMs of images; answers their paths by number. */
  async sboms(numbers: readonly number[], directory: string): Promise<Map<number, string>> {
    await this.run(['sbom', '--out', directory, '--image', numbers.join(',')])
    return new Map(numbers.map((number) => [number, join(directory, `${number}.json`)]))
  }

  /** A folder that is there whole or not at all. */
  private async kept(name: string, args: (out: string) => string[]): Promise<string> {
    const directory = join(this.cache, name)
    if (existsSync(directory)) return directory
    console.log(`making ${name} of the fleet, once`)
    const work = `${directory}.${process.pid}.part`
    await mkdir(work, { recursive: true })
    try {
      await this.run(args(work))
      await rename(work, directory)
    } finally {
      await rm(work, { recursive: true, force: true })
    }
    return directory
  }

  private async run(args: readonly string[]): Promise<void> {
    const { seed, records, projects, touchedProjects } = this.world
    const world = ['--seed', seed, '--records', records, '--projects', projects, '--touched-projects', touchedProjects].map(String)
    await run(this.program, [...args, ...world], { maxBuffer: 64 * 1024 ** 2 })
  }
}
