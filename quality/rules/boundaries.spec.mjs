import { describe, expect, it } from 'vitest'
import { linesRefused } from '../lines-refused.mjs'

/** Sentence, rule, path, source, refused lines. */
const cases = [
  ['an app may import a package', 'apps-stand-alone', 'apps/cli/src/a.ts', "import { ScanTask } from '@pharos/contracts'\n", []],
  [
    'an app may not import an app, not even a type',
    'apps-stand-alone',
    'apps/cli/src/a.ts',
    "\nimport type { A } from '@pharos/api-gateway'\n",
    [2],
  ],
  ['an app may not import an app when it runs', 'apps-stand-alone', 'apps/cli/src/a.ts', "await import('@pharos/scheduler')\n", [1]],
  ['an app may not pass an app on', 'apps-stand-alone', 'apps/cli/src/a.ts', "export { A } from '@pharos/scheduler'\n", [1]],
  ['a package may import a package', 'packages-below-apps', 'packages/scanners/src/a.ts', "import { z } from '@pharos/contracts'\n", []],
  ['a package may not import an app', 'packages-below-apps', 'packages/scanners/src/a.ts', "import { z } from '@pharos/cli'\n", [1]],
  ['a relative import stays in its package', 'imports-use-the-front-door', 'apps/cli/src/a/b.ts', "import { c } from '../c.js'\n", []],
  [
    'a relative import may not leave its package',
    'imports-use-the-front-door',
    'apps/cli/src/b.ts',
    "import { c } from '../../scheduler/src/c.js'\n",
    [1],
  ],
  [
    'a deep import of a package is refused',
    'imports-use-the-front-door',
    'apps/cli/src/b.ts',
    "import { c } from '@pharos/contracts/dist/c.js'\n",
    [1],
  ],
  [
    'results-service may import pg and typeorm',
    'one-database-owner',
    'apps/results-service/src/a.ts',
    "import pg from 'pg'\nimport 'typeorm'\n",
    [],
  ],
  ['the test kit may import pg', 'one-database-owner', 'packages/test-kit/src/a.ts', "import pg from 'pg'\n", []],
  ['nobody else may import pg', 'one-database-owner', 'apps/scheduler/src/a.ts', "import { z } from 'zod'\nimport pg from 'pg'\n", [2]],
  [
    'a name that only begins like pg is another library',
    'one-database-owner',
    'apps/scheduler/src/a.ts',
    "import a from 'pg-minify'\n",
    [],
  ],
  [
    'contracts may import zod and each other',
    'contracts-are-a-leaf',
    'packages/contracts/src/a.ts',
    "import { z } from 'zod'\nimport { b } from './b.js'\n",
    [],
  ],
  ['contracts may not import Node', 'contracts-are-a-leaf', 'packages/contracts/src/a.ts', "import { join } from 'node:path'\n", [1]],
  [
    'a spec of the contracts may use a test library',
    'contracts-are-a-leaf',
    'packages/contracts/src/a.spec.ts',
    "import { it } from 'vitest'\n",
    [],
  ],
  [
    'a spec may use the test kit',
    'test-kit-stays-in-tests',
    'apps/cli/src/a.int-spec.ts',
    "import { startPostgres } from '@pharos/test-kit'\n",
    [],
  ],
  [
    'a product source may not use the test kit',
    'test-kit-stays-in-tests',
    'apps/cli/src/a.ts',
    "import { startPostgres } from '@pharos/test-kit'\n",
    [1],
  ],
]

describe('boundaries', () => {
  it.each(cases)('%s', (_sentence, rule, path, text, lines) => {
    expect(linesRefused(rule, path, text)).toEqual(lines)
  })
})
