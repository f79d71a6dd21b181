import { readFileSync } from 'node:fs'
import { z } from 'zod'

/** Version of this service, from its package.json, which stands beside `src` and `dist` alike. */
export const productVersion = z
  .object({ version: z.string() })
  .parse(JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))).version
