/**
 * Exceptions to the rules of the house. Each names one rule and one file and says why; an exception that is no longer needed fails the check.
 * @type {{ rule: string, path: string, reason: string }[]}
 */
export const allowed = [
  {
    rule: 'environment-is-read-once',
    path: 'packages/service-kit/src/lifecycle/run-service.ts',
    reason: 'The runner of every service hands the environment to the configuration; nothing else in it looks at it.',
  },
  {
    rule: 'environment-is-read-once',
    path: 'apps/cli/src/main.ts',
    reason: 'The command is no service: its main hands the environment to its own parameters, which have the same form.',
  },
]
