import { describe, expect, it } from 'vitest'
import { linesRefused } from '../lines-refused.mjs'

const app = 'apps/results-service/src'

/** Sentence, rule, path, source, refused lines. */
const cases = [
  ['a controller may call a service', 'layers-go-one-way', `${app}/a/a.controller.ts`, "import { AService } from './a.service.js'\n", []],
  [
    'a controller may not call a repository',
    'layers-go-one-way',
    `${app}/a/a.controller.ts`,
    "import { ARepository } from './a.repository.js'\n",
    [1],
  ],
  ['a consumer may not call a client', 'layers-go-one-way', `${app}/a/a.consumer.ts`, "import { BClient } from '../b/b.client.js'\n", [1]],
  [
    'a service may call a repository and a client',
    'layers-go-one-way',
    `${app}/a/a.service.ts`,
    "import './a.repository.js'\nimport '../b/b.client.js'\n",
    [],
  ],
  [
    'a repository may not call a service',
    'layers-go-one-way',
    `${app}/a/a.repository.ts`,
    "import type { AService } from './a.service.js'\n",
    [1],
  ],
  ['a module joins them all', 'layers-go-one-way', `${app}/a/a.module.ts`, "import './a.controller.js'\nimport './a.repository.js'\n", []],
  ['a feature may use its own repository', 'repositories-are-private', `${app}/a/a.service.ts`, "import './a.repository.js'\n", []],
  [
    "a feature may not use another feature's repository",
    'repositories-are-private',
    `${app}/a/a.service.ts`,
    "import '../b/b.repository.js'\n",
    [1],
  ],
  ["a feature may use another feature's service", 'repositories-are-private', `${app}/a/a.service.ts`, "import '../b/b.service.js'\n", []],
  ['a repository may use typeorm', 'edges-know-no-database', `${app}/a/a.repository.ts`, "import 'typeorm'\n", []],
  ['a controller may not use typeorm', 'edges-know-no-database', `${app}/a/a.controller.ts`, "import 'typeorm'\n", [1]],
  [
    'a service may be injectable',
    'services-know-no-transport',
    `${app}/a/a.service.ts`,
    "import { Injectable } from '@nestjs/common'\n",
    [],
  ],
  [
    'a service may not throw an HTTP exception',
    'services-know-no-transport',
    `${app}/a/a.service.ts`,
    "import { Injectable, ConflictException } from '@nestjs/common'\n",
    [1],
  ],
  [
    'a service may not know the queue library',
    'services-know-no-transport',
    `${app}/a/a.service.ts`,
    "import type { Job } from 'bullmq'\n",
    [1],
  ],
  [
    'a spec of a service is not a service',
    'services-know-no-transport',
    `${app}/a/a.service.int-spec.ts`,
    "import { Queue } from 'bullmq'\n",
    [],
  ],
  ['an entity lives in results-service', 'entities-live-with-their-owner', `${app}/a/a.entity.ts`, '', []],
  ['an entity lives nowhere else', 'entities-live-with-their-owner', 'packages/contracts/src/a.entity.ts', '', [1]],
  [
    'the configuration reads the environment',
    'environment-is-read-once',
    'packages/service-kit/src/configuration/load.ts',
    'export const a = process.env\n',
    [],
  ],
  ['nobody else reads the environment', 'environment-is-read-once', 'apps/cli/src/main.ts', '\nexport const a = process.env.HOME\n', [2]],
  ['a spec may set a variable', 'environment-is-read-once', 'apps/cli/src/main.spec.ts', "process.env.HOME = '/tmp'\n", []],
  ['another env is not the environment', 'environment-is-read-once', 'apps/cli/src/main.ts', 'export const a = options.env\n', []],
]

describe('layers', () => {
  it.each(cases)('%s', (_sentence, rule, path, text, lines) => {
    expect(linesRefused(rule, path, text)).toEqual(lines)
  })
})
