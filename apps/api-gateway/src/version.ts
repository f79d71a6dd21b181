import { readFileSync } from 'node:fs'
import { z } from 'zod'

/** Version of the gateway, which is that of the API document: from the package that this file is built into. */
export const gatewayVersion = z
  .object({ version: z.string() })
  .parse(JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))).version
