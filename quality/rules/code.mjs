const isProduct = (path) => /^(apps|packages)\/.+\/src\/.+\.ts$/.test(path)
const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal']
const messageGrammar = /^[a-z][a-z0-9-]*( [a-z0-9][a-z0-9-]*){1,5}$/
const metricClasses = ['Counter', 'Gauge', 'Histogram', 'Summary']

/** The last name of `this.log`, `logger` or `request.log`. */
function lastName(node) {
  if (node.type === 'Identifier') return node.name
  if (node.type === 'MemberExpression' && !node.computed) return node.property.name
  return undefined
}

function isLoggerCall(node) {
  const { callee } = node
  return (
    callee.type === 'MemberExpression' &&
    !callee.computed &&
    levels.includes(callee.property.name) &&
    /^(log|logger)$|Log(ger)?$/.test(lastName(callee.object) ?? '')
  )
}

const isText = (node) =>
  node.type === 'TemplateLiteral' || node.type === 'BinaryExpression' || (node.type === 'Literal' && typeof node.value === 'string')

/** A documented statement has a doc comment that ends right above it (decorators stand between). */
function hasDocComment(file, node) {
  const firstDecorator = node.declaration?.decorators?.[0]
  const start = Math.min(node.start, firstDecorator?.start ?? node.start)
  return /\*\/\s*$/.test(file.text.slice(0, start))
}

/** @type {import('../run-rules.mjs').Rule[]} */
export const codeRules = [
  {
    name: 'unions-not-enums',
    why: 'A union of literals is a type alone; an enum is code with its own identity.',
    appliesTo: (path) => /\.(ts|mts)$/.test(path),
    check: (file) => {
      const findings = []
      file.visit({
        TSEnumDeclaration: (node) =>
          findings.push({ line: file.lineOf(node.start), message: `${node.id.name} is an enum: write a union of literals` }),
      })
      return findings
    },
    probes: [
      { path: 'packages/contracts/src/scan.ts', text: "export enum ScanState { Queued = 'queued' }\n" },
      { path: 'packages/contracts/src/scan.ts', text: 'const enum Size { Small }\nexport const small = Size.Small\n' },
    ],
  },
  {
    name: 'log-messages-are-constant',
    why: 'A log line is `<process> <event>` in lower case, with its data in fields: only so can it be counted and searched.',
    appliesTo: isProduct,
    check: (file) => {
      if (file.isTest) return []
      const findings = []
      file.visit({
        CallExpression(node) {
          if (!isLoggerCall(node)) return
          const message = node.arguments.find(isText)
          const isRight = message?.type === 'Literal' && messageGrammar.test(message.value)
          if (message && !isRight)
            findings.push({ line: file.lineOf(node.start), message: 'a log message is a constant `<process> <event>`' })
        },
      })
      return findings
    },
    probes: [
      { path: 'apps/scheduler/src/watch/watch.service.ts', text: "log.info('Watch started!')\n" },
      { path: 'apps/scheduler/src/watch/watch.service.ts', text: 'this.logger.warn({ tag }, `watch failed for ${tag}`)\n' },
      { path: 'apps/scheduler/src/watch/watch.service.ts', text: "this.log.error('watch ' + name)\n" },
    ],
  },
  {
    name: 'metrics-have-one-prefix',
    why: 'A metric is pharos_<thing>_<base unit>; a counter ends in _total.',
    appliesTo: isProduct,
    check: (file) => {
      const findings = []
      file.visit({
        NewExpression(node) {
          if (node.callee.type !== 'Identifier' || !metricClasses.includes(node.callee.name)) return
          const options = node.arguments[0]
          if (options?.type !== 'ObjectExpression') return
          const name = options.properties.find((property) => property.type === 'Property' && property.key.name === 'name')?.value.value
          if (typeof name !== 'string') return
          const isRight =
            /^pharos_[a-z0-9_]+$/.test(name) &&
            (node.callee.name !== 'Counter' || name.endsWith('_total')) &&
            !/_(ms|millis|kb|mb)(_|$)/.test(name)
          if (!isRight)
            findings.push({ line: file.lineOf(node.start), message: `${name} is not pharos_<thing>_<base unit>, _total for a counter` })
        },
      })
      return findings
    },
    probes: [
      { path: 'packages/service-kit/src/metrics/http.ts', text: "new Counter({ name: 'http_requests_total', help: 'x' })\n" },
      { path: 'packages/service-kit/src/metrics/http.ts', text: "new Counter({ name: 'pharos_http_requests', help: 'x' })\n" },
      { path: 'packages/service-kit/src/metrics/http.ts', text: "new Histogram({ name: 'pharos_http_request_ms', help: 'x' })\n" },
    ],
  },
  {
    name: 'interfaces-are-documented',
    why: 'Whoever uses a package reads its interfaces first: shapes, units and errors stand in a doc comment.',
    appliesTo: (path) => /^packages\/.+\/src\/.+\.ts$/.test(path),
    check: (file) => {
      if (file.isTest) return []
      const findings = []
      file.visit({
        ExportNamedDeclaration(node) {
          const isInterface =
            node.declaration?.type === 'TSInterfaceDeclaration' ||
            (node.declaration?.type === 'ClassDeclaration' && node.declaration.abstract)
          if (isInterface && !hasDocComment(file, node)) {
            findings.push({ line: file.lineOf(node.start), message: `${node.declaration.id.name} has no doc comment` })
          }
        },
      })
      return findings
    },
    probes: [
      { path: 'packages/scanners/src/scanner.ts', text: '// not a doc comment\nexport interface Scanner { run(): Promise<void> }\n' },
    ],
  },
  {
    name: 'services-throw-typed-errors',
    why: 'An error has a code, a retry rule and a log level; a bare Error has none, and its caller can only guess.',
    appliesTo: (path) => /^apps\/.+\.(service|consumer|controller)\.ts$/.test(path),
    check: (file) => {
      const findings = []
      file.visit({
        ThrowStatement(node) {
          const thrown = node.argument
          if (thrown.type === 'NewExpression' && /^(Type|Range)?Error$/.test(thrown.callee.name ?? '')) {
            findings.push({ line: file.lineOf(node.start), message: 'a bare Error is thrown: use a class of PharosError' })
          }
        },
      })
      return findings
    },
    probes: [{ path: 'apps/scheduler/src/watch/watch.service.ts', text: "export function watch() { throw new Error('no such tag') }\n" }],
  },
]
