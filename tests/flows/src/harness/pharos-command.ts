import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { repositoryDirectory } from '@pharos/test-kit'
import type { GatewayApi } from './gateway-api.js'

/** The `pharos` command as it is built. */
export const commandPath = join(repositoryDirectory, 'apps/cli/dist/main.js')

/** How a command ended. */
export interface CommandEnd {
  exitCode: number
  stdout: string
  stderr: string
}

/** Runs `pharos` against a gateway as its caller. */
export function pharosCommand({ address, token }: GatewayApi, args: readonly string[]): Promise<CommandEnd> {
  const env = { PATH: process.env.PATH, PHAROS_SERVER: address, PHAROS_TOKEN: token }
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [commandPath, ...args], { env, maxBuffer: 1e8 }, (_error, stdout, stderr) => {
      resolve({ exitCode: child.exitCode ?? -1, stdout, stderr })
    })
  })
}
