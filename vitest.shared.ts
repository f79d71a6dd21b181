import { fileURLToPath } from 'node:url'
import { defineConfig, type ViteUserConfig } from 'vitest/config'

/** The test configuration of every package: sources of other packages are used as they stand, without a build. */
export function pharosTests(overrides: ViteUserConfig['test'] = {}): ViteUserConfig {
  return defineConfig({
    // Set here too, because the tsconfig of a package leaves its tests out, and those may hold decorated classes.
    oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
    resolve: { conditions: ['@pharos/source'] },
    // Vitest hands these to Node as well, where 'import' would also hold for require() and break CommonJS packages.
    ssr: { resolve: { conditions: ['@pharos/source', 'node'] } },
    test: {
      include: ['src/**/*.spec.ts', 'src/**/*.int-spec.ts'],
      exclude: ['dist/**', 'node_modules/**'],
      setupFiles: [fileURLToPath(new URL('packages/test-kit/plain/property-seed.mjs', import.meta.url))],
      // They end a test that hangs; no test says by them how fast something is, so that a busy machine fails none.
      testTimeout: 240_000,
      hookTimeout: 300_000,
      ...overrides,
    },
  })
}
