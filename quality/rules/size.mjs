const limitLines = 400
const limitMainLines = 30
const limitParameters = 7

/** @type {import('../run-rules.mjs').Rule[]} */
export const sizeRules = [
  {
    name: 'files-have-one-subject',
    why: `Past ${limitLines} lines a file has two subjects; the exceptions state why they do not.`,
    appliesTo: (path) => /\.(ts|mts|mjs|js|go|sh)$/.test(path) && !path.includes('/__fixtures__/'),
    check: (file) => (file.lineCount > limitLines ? [{ line: limitLines, message: `${file.lineCount} lines` }] : []),
    probes: [{ path: 'apps/results-service/src/scans/scans.service.ts', text: 'export {}\n'.repeat(limitLines + 1) }],
  },
  {
    name: 'main-is-short',
    why: 'main.ts loads the configuration, creates, listens and closes on a signal.',
    appliesTo: (path) => /^apps\/[^/]+\/src\/main\.ts$/.test(path),
    check: (file) =>
      file.lineCount > limitMainLines ? [{ line: limitMainLines, message: `${file.lineCount} lines, at most ${limitMainLines}` }] : [],
    probes: [{ path: 'apps/scheduler/src/main.ts', text: 'start()\n'.repeat(limitMainLines + 1) }],
  },
  {
    name: 'constructors-are-narrow',
    why: `A class that needs more than ${limitParameters} others does more than one thing.`,
    appliesTo: (path) => /^(apps|packages)\/.+\.ts$/.test(path),
    check: (file) => {
      const findings = []
      file.visit({
        MethodDefinition(node) {
          const count = node.kind === 'constructor' ? node.value.params.length : 0
          if (count > limitParameters)
            findings.push({ line: file.lineOf(node.start), message: `${count} constructor parameters, at most ${limitParameters}` })
        },
      })
      return findings
    },
    probes: [
      {
        path: 'apps/scheduler/src/watch/watch.service.ts',
        text: 'class W { constructor(a: A, b: A, private readonly c: A, d: A, e: A, f: A, g: A, h: A) {} }\n',
      },
    ],
  },
]
