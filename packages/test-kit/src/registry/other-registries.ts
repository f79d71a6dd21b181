import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { testHome, toolPath } from '../paths.js'
import { registerChild } from '../process/child-register.js'
import { findOnPath } from '../process/find-on-path.js'
import { freePort } from '../process/free-port.js'
import { endProcess, identifyProcess, isAlive } from '../../plain/process-identity.mjs'

/** A registry that somebody else wrote, in a process of its own. */
export interface ForeignRegistry {
  host: string
  url: string
  close(): Promise<void>
}

/** A tool that a test could use, or why it cannot. */
export type Availability<T> = { isAvailable: true; value: T } | { isAvailable: false; reason: string }

/** The registry of go-containerregistry, through the `crane` that tools/ builds. */
export async function startCraneRegistry(): Promise<Availability<ForeignRegistry>> {
  const program = existsSync(toolPath('crane')) ? toolPath('crane') : findOnPath('crane')
  if (program === undefined) return { isAvailable: false, reason: 'crane was not built (it needs Go) and is not on PATH' }
  return {
    isAvailable: true,
    value: await startForeign((port) => ({ program, args: ['registry', 'serve', '--address', `127.0.0.1:${port}`] })),
  }
}

/** Debian's `docker-registry`, the reference implementation. */
export async function startDockerRegistry(): Promise<Availability<ForeignRegistry>> {
  const program = findOnPath('docker-registry')
  if (program === undefined) return { isAvailable: false, reason: 'docker-registry is not on PATH (Debian package "docker-registry")' }
  const value = await startForeign(async (port, directory) => {
    const configurationPath = join(directory, 'config.yml')
    const configuration = {
      version: '0.1',
      log: { level: 'error' },
      storage: { filesystem: { rootdirectory: join(directory, 'data') }, delete: { enabled: true } },
      http: { addr: `127.0.0.1:${port}` },
    }
    // JSON is YAML.
    await writeFile(configurationPath, JSON.stringify(configuration))
    return { program, args: ['serve', configurationPath] }
  })
  return { isAvailable: true, value }
}

interface ForeignCommand {
  program: string
  args: string[]
}

async function startForeign(
  command: (port: number, directory: string) => ForeignCommand | Promise<ForeignCommand>,
): Promise<ForeignRegistry> {
  const directory = await testHome('registry', randomBytes(6).toString('hex'))
  await mkdir(directory, { recursive: true })
  const port = await freePort()
  const { program, args } = await command(port, directory)
  const logPath = join(directory, 'registry.log')
  const log = openSync(logPath, 'a')
  const child = spawn(program, args, { detached: true, stdio: ['ignore', log, log], cwd: directory })
  closeSync(log)
  await new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject))
  child.unref()
  const identity = identifyProcess(child.pid)
  const forget = registerChild(identity.pid, directory)
  const close = async (): Promise<void> => {
    await endProcess(identity, 'SIGTERM', 2_000)
    forget()
    await rm(directory, { recursive: true, force: true })
  }
  const url = `http://127.0.0.1:${port}`
  const deadline = Date.now() + 15_000
  for (;;) {
    try {
      const response = await fetch(`${url}/v2/`)
      await response.body?.cancel()
      return { host: `127.0.0.1:${port}`, url, close }
    } catch (cause) {
      if (!isAlive(identity) || Date.now() > deadline) {
        const output = readFileSync(logPath, 'utf8')
        await close()
        throw new Error(`${program} did not start: ${output}`, { cause })
      }
      await new Promise((resolve) => setTimeout(resolve, 30))
    }
  }
}
