import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { findTool } from '@pharos/test-kit'

/** What one command took. */
export interface CommandRun {
  wallMs: number
  findings: number
}

/** What a finding is told by in the command's report. */
export interface PlainMatch {
  vulnerability: { id: string; namespace?: string; severity?: string; fix?: { state?: string; versions?: string[] | null } }
  artifact: { type: string; name: string; version: string; locations?: { path: string; layerID?: string }[] | null }
}

/** The peer: the grype command with a database of its own, as a script in CI runs it. */
export class PlainGrype {
  private readonly running = new Set<number>()

  private constructor(
    private readonly program: string,
    private readonly directory: string,
    private readonly environment: NodeJS.ProcessEnv,
  ) {}

  /** Imports the database once; that is not part of any figure. */
  static async prepare(directory: string, archivePath: string): Promise<PlainGrype> {
    const program = findTool('grype')
    if (program === undefined) throw new Error('grype was not built; node tools/build.mjs makes it')
    await mkdir(directory, { recursive: true })
    const environment = {
      PATH: process.env.PATH,
      HOME: directory,
      GRYPE_DB_CACHE_DIR: join(directory, 'database'),
      GRYPE_DB_AUTO_UPDATE: 'false',
      // Made-up databases are as old as their facts say.
      GRYPE_DB_VALIDATE_AGE: 'false',
      GRYPE_CHECK_FOR_APP_UPDATE: 'false',
      GRYPE_REGISTRY_INSECURE_USE_HTTP: 'true',
    }
    const grype = new PlainGrype(program, directory, environment)
    await grype.run(['db', 'import', archivePath], join(directory, 'import.txt'))
    return grype
  }

  /** `grype registry:REFERENCE -o json > FILE`. */
  async scan(reference: string): Promise<CommandRun> {
    const output = join(this.directory, `${reference.replaceAll(/[^\w.-]/g, '_')}.json`)
    const beganMs = performance.now()
    await this.run([`registry:${reference}`, '-o', 'json'], output)
    const wallMs = performance.now() - beganMs
    const { matches } = JSON.parse(await readFile(output, 'utf8')) as { matches: unknown[] }
    await rm(output)
    return { wallMs, findings: matches.length }
  }

  /** Folder of the imported database, as GRYPE_DB_CACHE_DIR names it. */
  get databaseDirectory(): string {
    return join(this.directory, 'database')
  }

  /** `grype sbom:PATH -o json`; the matches of its report. */
  async matchSbom(path: string): Promise<PlainMatch[]> {
    const output = join(this.directory, 'sbom-report.json')
    await this.run([`sbom:${path}`, '-o', 'json'], output)
    const { matches } = JSON.parse(await readFile(output, 'utf8')) as { matches: PlainMatch[] }
    await rm(output)
    return matches
  }

  /** The plain loop: `width` commands at once until all images are scanned. Answers the number of findings by reference. */
  async scanAll(references: readonly string[], width: number): Promise<Map<string, number>> {
    const queue = [...references]
    const findings = new Map<string, number>()
    const lane = async (): Promise<void> => {
      for (let reference = queue.shift(); reference !== undefined; reference = queue.shift())
        findings.set(reference, (await this.scan(reference)).findings)
    }
    await Promise.all(Array.from({ length: width }, lane))
    return findings
  }

  /** The commands that run now. */
  pids(): number[] {
    return [...this.running]
  }

  private async run(args: readonly string[], outputPath: string): Promise<void> {
    const errorPath = `${outputPath}.log`
    const files = [openSync(outputPath, 'w'), openSync(errorPath, 'w')] as const
    const child = spawn(this.program, args, { env: this.environment, stdio: ['ignore', ...files] })
    files.forEach(closeSync)
    const pid = child.pid ?? 0
    this.running.add(pid)
    const [code] = (await once(child, 'exit')) as [number | null]
    this.running.delete(pid)
    if (code !== 0)
      throw new Error(`grype ${args.join(' ')} ended with ${String(code)}: ${(await readFile(errorPath, 'utf8')).slice(-1000)}`)
  }
}
