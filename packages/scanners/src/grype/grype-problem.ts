import { PharosError, type ProblemCode } from '@pharos/contracts'

const patterns: readonly (readonly [RegExp, ProblemCode])[] = [
  [
    /database (?:does not exist|is not (?:found|installed))|no vulnerability database|failed to (?:find|get) .*database|vulnerability database is missing|unable to find database/i,
    'database-missing',
  ],
  [
    /bad db checksum|checksum.*(?:mismatch|invalid)|database disk image is malformed|file is not a database|failed to load vulnerability db.*(?:integrity|validate)|invalid vulnerability database/i,
    'database-damaged',
  ],
  [/unsupported.*schema|schema version.*(?:unsupported|not supported)|requires (?:a )?(?:newer|older) schema/i, 'database-unsupported'],
  [/no space left on device/i, 'disk-full'],
  [/unable to (?:decode|parse|identify) sbom|failed to decode|no format recognized|sbom format not recognized/i, 'sbom-invalid'],
]

/** The problem behind a grype run that ended with a non-zero exit code, as far as its messages tell. */
export function grypeProblem(exitCode: number, stderr: string): PharosError {
  const code = patterns.find(([pattern]) => pattern.test(stderr))?.[1] ?? 'engine-failed'
  return new PharosError(code, `grype ended with exit code ${exitCode}. ${stderr.slice(-600)}`.trim())
}
