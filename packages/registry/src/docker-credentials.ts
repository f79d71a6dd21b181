import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { isErrno } from './file-errno.js'
import type { RegistryCredential, RegistryCredentialSource } from './registry-credential.js'
import { printable, registryProblem } from './registry-problem.js'

const AuthEntry = z.object({
  auth: z.string().optional(),
  username: z.string().optional(),
  password: z.string().optional(),
  identitytoken: z.string().optional(),
  registrytoken: z.string().optional(),
})
const DockerConfig = z.object({
  auths: z.record(z.string(), AuthEntry).optional(),
  credHelpers: z.record(z.string(), z.string()).optional(),
  credsStore: z.string().optional(),
})
type DockerConfig = z.infer<typeof DockerConfig>
const HelperAnswer = z.object({ Username: z.string(), Secret: z.string() })

const DOCKER_HUB_KEY = 'https://index.docker.io/v1/'
const HELPER_OUTPUT_LIMIT_BYTES = 256 * 1024

/** Settings of a Docker credential source. */
export interface DockerCredentialOptions {
  /** Folder with `config.json`, as DOCKER_CONFIG. */
  directory: string
  /** Longest run of a helper; default 15 s. */
  helperTimeoutMs?: number
  /** Environment of helpers (PATH finds them); the process's own by default. */
  helperEnvironment?: NodeJS.ProcessEnv
}

function unavailable(why: string): Error {
  return registryProblem('registry-credential-unavailable', why)
}

/** The registry that a key of `auths` means: keys are hosts, or URLs with an API version behind. */
function registryOfKey(key: string): string {
  const host = key.replace(/^https?:\/\//, '').split('/')[0] ?? ''
  return ['index.docker.io', 'docker.io', 'registry-1.docker.io'].includes(host) ? 'docker.io' : host
}

function serverNames(registry: string): string[] {
  return registry === 'docker.io' ? [DOCKER_HUB_KEY, 'docker.io', 'index.docker.io'] : [registry, `https://${registry}`]
}

function credentialOfEntry(entry: z.infer<typeof AuthEntry>): RegistryCredential | null {
  if (entry.registrytoken) return { kind: 'registryToken', token: entry.registrytoken }
  if (entry.identitytoken) return { kind: 'identityToken', identityToken: entry.identitytoken }
  if (entry.auth) {
    const decoded = Buffer.from(entry.auth, 'base64').toString('utf8')
    const colon = decoded.indexOf(':')
    if (colon < 1) throw unavailable('An entry of the Docker configuration holds no username and password.')
    return { kind: 'basic', username: decoded.slice(0, colon), password: decoded.slice(colon + 1).replace(/\0+$/, '') }
  }
  if (entry.username && entry.password !== undefined) return { kind: 'basic', username: entry.username, password: entry.password }
  return null
}

/** Runs `docker-credential-<name> get` with the server's name on standard input. Its output is in no message: it is the secret. */
async function askHelper(name: string, server: string, options: DockerCredentialOptions): Promise<RegistryCredential | null> {
  if (!/^[a-z0-9-]{1,64}$/.test(name) || name.startsWith('-'))
    throw unavailable(`The credential helper ${JSON.stringify(printable(name, 60))} has a name that is not allowed (a-z, 0-9, "-").`)
  const { code, output } = await runHelper(`docker-credential-${name}`, server, options)
  if (code !== 0) {
    if (/credentials not found/i.test(output)) return null
    throw unavailable(`The credential helper docker-credential-${name} ended with ${code === null ? 'a signal' : `exit code ${code}`}.`)
  }
  let parsed
  try {
    parsed = HelperAnswer.parse(JSON.parse(output))
  } catch {
    throw unavailable(`The credential helper docker-credential-${name} gave no credential.`)
  }
  return parsed.Username === '<token>'
    ? { kind: 'identityToken', identityToken: parsed.Secret }
    : { kind: 'basic', username: parsed.Username, password: parsed.Secret }
}

function runHelper(command: string, input: string, options: DockerCredentialOptions): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    // A group of its own: a helper is often a script, and what it started must end with it.
    const child = spawn(command, ['get'], {
      stdio: ['pipe', 'pipe', 'ignore'],
      detached: true,
      ...(options.helperEnvironment === undefined ? {} : { env: options.helperEnvironment }),
    })
    const endGroup = (): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
      } catch (error) {
        if (!isErrno(error, 'ESRCH')) throw error
      }
    }
    const timer = setTimeout(endGroup, options.helperTimeoutMs ?? 15_000)
    const parts: Buffer[] = []
    let size = 0
    child.stdout.on('data', (part: Buffer) => {
      size += part.length
      if (size > HELPER_OUTPUT_LIMIT_BYTES) endGroup()
      else parts.push(part)
    })
    child.on('error', (error) => {
      clearTimeout(timer)
      reject(unavailable(`The credential helper ${command} cannot be run${isErrno(error, 'ENOENT') ? ': it is not on the PATH' : ''}.`))
    })
    child.on('close', (code) => {
      clearTimeout(timer)
      resolve({ code, output: Buffer.concat(parts).toString('utf8') })
    })
    child.stdin.on('error', () => {
      /* a helper that does not read its input shows in its exit */
    })
    child.stdin.end(`${input}\n`)
  })
}

async function readConfig(directory: string): Promise<DockerConfig> {
  let text: string
  try {
    text = await readFile(join(directory, 'config.json'), 'utf8')
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return {}
    throw unavailable('The Docker configuration cannot be read.')
  }
  try {
    return DockerConfig.parse(JSON.parse(text))
  } catch {
    throw unavailable('The Docker configuration is not valid.')
  }
}

/**
 * Credentials of a local Docker configuration, looked up as Docker does: the registry's helper, else the store, else the
 * file. Read again for each registry, so that a later `docker login` counts.
 */
export function createDockerCredentialSource(options: DockerCredentialOptions): RegistryCredentialSource {
  return {
    find: async (registry) => {
      const config = await readConfig(options.directory)
      const servers = serverNames(registry)
      const helper = Object.entries(config.credHelpers ?? {}).find(([key]) => registryOfKey(key) === registry)
      if (helper !== undefined) return askHelper(helper[1], helper[0], options)
      if (config.credsStore !== undefined && config.credsStore !== '') {
        for (const server of servers) {
          const credential = await askHelper(config.credsStore, server, options)
          if (credential !== null) return credential
        }
      }
      const entries = Object.entries(config.auths ?? {})
      const entry = entries.find(([key]) => servers.includes(key)) ?? entries.find(([key]) => registryOfKey(key) === registry)
      return entry === undefined ? null : credentialOfEntry(entry[1])
    },
  }
}
