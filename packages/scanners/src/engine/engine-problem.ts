import { PharosError, type ProblemCode } from '@pharos/contracts'

/** The engine's error codes (tools/internal/engine/failure) and the problems that they are. */
const problems: Readonly<Record<string, ProblemCode>> = {
  cancelled: 'cancelled',
  timeout: 'engine-timeout',
  'database-missing': 'database-missing',
  'database-damaged': 'database-damaged',
  'database-unsupported': 'database-unsupported',
  'image-corrupt': 'image-corrupt',
  'image-too-large': 'image-too-large',
  'image-unsupported': 'media-type-unsupported',
  'catalogue-failed': 'catalogue-failed',
  'sbom-invalid': 'sbom-invalid',
  'match-failed': 'engine-failed',
}

/** The problem that an engine's error answer stands for. */
export function engineProblem(error: { code: string; message: string }): PharosError {
  const detail = error.message.slice(0, 1500)
  if (/no space left on device|disk quota exceeded/i.test(error.message))
    return new PharosError('disk-full', 'The scan engine found no room on the disk.')
  return new PharosError(problems[error.code] ?? 'engine-failed', detail === '' ? `The scan engine answered ${error.code}.` : detail)
}
