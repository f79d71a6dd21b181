/** Runs of characters that tokens and keys are made of. A name such as aws_access_key_id, with neither digits nor capitals and no assignment before it, is none. */
const tokenRun = /(?<=[=:]\s*["']?)[\w+/.~-]{8,}|(?=[a-z+/_.~-]*[A-Z0-9])[\w+/.~-]{16,}=*/g
const lineLimitCharacters = 200

/**
 * The line of a secret as it may be kept. Trivy replaces what its rule matched by asterisks; long runs of token characters beside
 * them are replaced as well (half of a key pair, a second token). A line without asterisks was not masked: nothing of it is kept.
 */
export function maskSecret(match: string | null | undefined): string {
  const line = (match ?? '').split('\n')[0] ?? ''
  if (!line.includes('***')) return '********'
  return line
    .replace(tokenRun, '********')
    .replace(/\*{9,}/g, '********')
    .slice(0, lineLimitCharacters)
}
