import { resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { linesRefused } from '../lines-refused.mjs'

const mark = `${'FIX'}${'ME'}`
const root = resolve(import.meta.dirname, '../..')

/** Sentence, rule, path, source, refused lines. */
const cases = [
  ['a finished source is right', 'nothing-unfinished', 'apps/cli/src/a.ts', '// Retries twice: the registry answers 429 in bursts.\n', []],
  ['a mark of unfinished work is refused', 'nothing-unfinished', 'tools/cmd/a.go', `\n// ${mark} later\n`, [2]],
  [
    'a suppression with its reason is right',
    'suppressions-say-why',
    'apps/cli/src/a.ts',
    '// oxlint-disable-next-line no-console -- the progress line goes to the terminal\n',
    [],
  ],
  [
    'a suppression without a reason is refused',
    'suppressions-say-why',
    'apps/cli/src/a.ts',
    '\n// oxlint-disable-next-line no-console\n',
    [2],
  ],
  [
    'an expected type error with its reason is right',
    'suppressions-say-why',
    'apps/cli/src/a.ts',
    '// @ts-expect-error: the library declares a number, it returns text\n',
    [],
  ],
  [
    'a file without type checks is refused',
    'suppressions-say-why',
    'apps/cli/src/a.ts',
    '// @ts-nocheck: the types of the library are wrong\n',
    [1],
  ],
  ['a nolint without a reason is refused', 'suppressions-say-why', 'tools/cmd/a.go', 'a()\nb() //nolint:errcheck\n', [2]],
  ['a nolint with its reason is right', 'suppressions-say-why', 'tools/cmd/a.go', 'b() //nolint:errcheck // the process ends anyway\n', []],
  ['a path of a container is right', 'no-machine-marks', 'deploy/docker/Dockerfile', 'COPY --from=build /app/dist /home/node/dist\n', []],
  ['a home folder is refused', 'no-machine-marks', 'docs/a.md', '\ncd /Users/eve/pharos\n', [2]],
  ['the folder of this clone is refused', 'no-machine-marks', 'docs/a.md', `cd ${root}/docs\n`, [1]],
  ['a lock file pins by integrity', 'lock-file-names-no-host', 'pnpm-lock.yaml', '    resolution: {integrity: sha512-abc==}\n', []],
  [
    'a lock file names no address',
    'lock-file-names-no-host',
    'pnpm-lock.yaml',
    '    resolution: {tarball: https://packages.example.com/a.tgz}\n',
    [1],
  ],
]

describe('text', () => {
  it.each(cases)('%s', (_sentence, rule, path, text, lines) => {
    expect(linesRefused(rule, path, text)).toEqual(lines)
  })
})
