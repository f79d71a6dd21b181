import { describe, expect, it } from 'vitest'
import { linesRefused } from '../lines-refused.mjs'

/** Sentence, rule, path, source, refused lines. */
const cases = [
  ['kebab-case with a role is right', 'files-are-kebab-case', 'apps/cli/src/scan-image.service.ts', '', []],
  ['an integration spec is right', 'files-are-kebab-case', 'apps/cli/src/scan-image.int-spec.ts', '', []],
  ['a folder of tests is right', 'files-are-kebab-case', 'apps/cli/src/__tests__/server.ts', '', []],
  ['camelCase is wrong', 'files-are-kebab-case', 'apps/cli/src/scanImage.ts', '', [1]],
  ['snake_case is wrong', 'files-are-kebab-case', 'apps/cli/src/scan_image.ts', '', [1]],
  ['a folder in capitals is wrong', 'files-are-kebab-case', 'apps/cli/src/Scan/image.ts', '', [1]],
  ['a word that holds a forbidden one is another word', 'names-say-something', 'apps/cli/src/commonmark.ts', '', []],
  ['utils names no subject', 'names-say-something', 'apps/cli/src/utils.ts', '', [1]],
  ['a folder helpers names no subject', 'names-say-something', 'apps/cli/src/helpers/table.ts', '', [1]],
  ['a class that ends in Manager names no subject', 'names-say-something', 'apps/cli/src/table.ts', '\nclass TableManager {}\n', [2]],
  [
    'a controller in its file is right',
    'roles-show-in-file-names',
    'apps/a/src/b.controller.ts',
    '@Controller()\nexport class BController {}\n',
    [],
  ],
  [
    'a controller in another file is wrong',
    'roles-show-in-file-names',
    'apps/a/src/b.ts',
    '@Controller()\nexport class BController {}\n',
    [2],
  ],
  [
    'an injectable service in another file is wrong',
    'roles-show-in-file-names',
    'apps/a/src/b.ts',
    '@Injectable()\nexport class BService {}\n',
    [2],
  ],
  ['a plain class may end in Service', 'roles-show-in-file-names', 'apps/a/src/b.ts', 'export class FakeService {}\n', []],
  ['a processor is a consumer', 'roles-show-in-file-names', 'apps/a/src/b.processor.ts', "@Processor('scan')\nexport class B {}\n", [2]],
  ['a dated migration is right', 'migrations-are-dated', 'apps/results-service/src/migrations/1764000000000-create-scans.ts', '', []],
  ['a migration without a date is wrong', 'migrations-are-dated', 'apps/results-service/src/migrations/create-scans.ts', '', [1]],
]

describe('names', () => {
  it.each(cases)('%s', (_sentence, rule, path, text, lines) => {
    expect(linesRefused(rule, path, text)).toEqual(lines)
  })
})
