// Runs one TypeScript file of this package as a process of its own, with the transformer that the tests use:
// node run-typescript.mjs FILE [flags]
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createViteServer } from 'vitest/node'

const [, , file = '', ...flags] = process.argv
process.argv = [process.argv[0] ?? 'node', file, ...flags]
const server = await createViteServer({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  configFile: false,
  appType: 'custom',
  logLevel: 'error',
  server: { middlewareMode: true, ws: false, hmr: false, watch: null },
  oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
  optimizeDeps: { noDiscovery: true },
  resolve: { conditions: ['@pharos/source'] },
  ssr: { resolve: { conditions: ['@pharos/source', 'node'] } },
})
await server.ssrLoadModule(resolve(file))
