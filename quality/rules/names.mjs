const forbiddenWord = /(^|[-.])(utils?|helpers?|managers?|common|misc)([-.]|$)/
const forbiddenClass = /(Utils?|Helpers?|Managers?|Common|Misc)$/
const isSource = (path) => /^(apps|packages|bench|quality|scripts|tests)\/.+\.(ts|mts|mjs)$/.test(path) && !path.includes('/__fixtures__/')

const rolesByDecorator = { Controller: 'controller', Processor: 'consumer', Module: 'module', Entity: 'entity', Catch: 'filter' }
const rolesByClassEnd = [
  'Service',
  'Repository',
  'Controller',
  'Consumer',
  'Module',
  'Guard',
  'Filter',
  'Interceptor',
  'Pipe',
  'Middleware',
]

function decoratorName(decorator) {
  const callee = decorator.expression.type === 'CallExpression' ? decorator.expression.callee : decorator.expression
  return callee.type === 'Identifier' ? callee.name : undefined
}

/** The role that a class says it has: by its decorator, else, for an injectable one, by the end of its name. */
function roleOfClass(node) {
  const names = node.decorators.map(decoratorName)
  for (const name of names) if (name in rolesByDecorator) return rolesByDecorator[name]
  if (!names.includes('Injectable')) return undefined
  return rolesByClassEnd.find((end) => node.id?.name.endsWith(end))?.toLowerCase()
}

/** @type {import('../run-rules.mjs').Rule[]} */
export const nameRules = [
  {
    name: 'files-are-kebab-case',
    why: 'A file is found by its name: kebab-case words, then the role.',
    appliesTo: isSource,
    check: (file) => {
      const parts = file.path.split('/')
      const name = parts.pop()
      const wrong = parts.find((part) => !/^(__[a-z]+__|[a-z0-9]+(-[a-z0-9]+)*)$/.test(part)) ?? name
      const isRight = wrong === name && /^([a-z0-9]+(-[a-z0-9]+)*)(\.[a-z0-9]+(-[a-z0-9]+)*)*\.(ts|mts|mjs)$/.test(name)
      return isRight ? [] : [{ line: 1, message: `${wrong} is not kebab-case` }]
    },
    probes: [
      { path: 'apps/cli/src/scanImage.ts', text: '' },
      { path: 'apps/cli/src/Commands/scan.ts', text: '' },
    ],
  },
  {
    name: 'names-say-something',
    why: 'utils, helpers, manager, common and misc name no subject.',
    appliesTo: isSource,
    check: (file) => {
      const findings = file.path
        .split('/')
        .filter((part) => forbiddenWord.test(part))
        .map((part) => ({ line: 1, message: `${part} names no subject` }))
      file.visit({
        ClassDeclaration(node) {
          if (node.id && forbiddenClass.test(node.id.name))
            findings.push({ line: file.lineOf(node.start), message: `${node.id.name} names no subject` })
        },
      })
      return findings
    },
    probes: [
      { path: 'packages/scanners/src/json-utils.ts', text: '' },
      { path: 'packages/scanners/src/common/parse.ts', text: '' },
      { path: 'apps/scheduler/src/watch/watch.service.ts', text: 'export class WatchManager {}\n' },
    ],
  },
  {
    name: 'roles-show-in-file-names',
    why: 'A controller, consumer, service, repository, entity or module of an app is found by its file name.',
    appliesTo: (path) => /^apps\/.+\/src\/.+\.ts$/.test(path) && !/\.(int-)?spec\.ts$/.test(path),
    check: (file) => {
      const findings = []
      file.visit({
        ClassDeclaration(node) {
          const role = roleOfClass(node)
          if (role && !file.path.endsWith(`.${role}.ts`)) {
            findings.push({ line: file.lineOf(node.start), message: `${node.id?.name} is a ${role}: its file ends in .${role}.ts` })
          }
        },
      })
      return findings
    },
    probes: [
      { path: 'apps/results-service/src/images/images.ts', text: "@Controller('images')\nexport class ImagesController {}\n" },
      { path: 'apps/results-service/src/images/search.ts', text: '@Injectable()\nexport class ImageSearchService {}\n' },
    ],
  },
  {
    name: 'migrations-are-dated',
    why: 'Migrations are named <timestamp>-<verb>-<object>.ts and run in that order.',
    appliesTo: (path) => /\/migrations\/[^/]+\.ts$/.test(path) && !/\.(int-)?spec\.ts$/.test(path),
    check: (file) =>
      /\/(\d{13,14}-[a-z0-9]+(-[a-z0-9]+)+|index)\.ts$/.test(file.path)
        ? []
        : [{ line: 1, message: 'a migration is <timestamp>-<verb>-<object>.ts' }],
    probes: [{ path: 'apps/results-service/src/migrations/create-tables.ts', text: '' }],
  },
]
