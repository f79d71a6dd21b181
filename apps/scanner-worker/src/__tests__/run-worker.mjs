// Runs the worker as a process of its own, with the transformer that the tests use: node run-worker.mjs [flags]
import { fileURLToPath } from 'node:url'
import { createViteServer } from 'vitest/node'

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
await server.ssrLoadModule(fileURLToPath(new URL('../main.ts', import.meta.url)))
