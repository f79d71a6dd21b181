import { defineConfig } from 'vitest/config'

export default defineConfig({
  resolve: { conditions: ['@pharos/source'] },
  ssr: { resolve: { conditions: ['@pharos/source', 'node', 'import', 'default'] } },
  test: { include: ['**/*.spec.mjs'], exclude: ['probes/**'], testTimeout: 300_000 },
})
