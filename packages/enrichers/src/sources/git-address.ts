/** A folder of a repository at a commit, branch or tag. */
export interface GitAddress {
  /** Address of the repository, with no name or password in it. */
  url: string
  ref: string
  /** '' is the top of the repository. */
  folder: string
}

/** Addresses of the hosting services that upstream knows; the last pattern is its fallback: host/owner/repository/word/ref/folder. */
const patterns = [
  /^(https?:\/\/github\.com\/[^/]+\/[^/]+)\/tree\/([^/]+)(?:\/(.*))?$/,
  /^(https?:\/\/[^/]+\/.+?)\/-\/tree\/([^/]+)(?:\/(.*))?$/,
  /^(https?:\/\/bitbucket\.org\/[^/]+\/[^/]+)\/src\/([^/]+)(?:\/(.*))?$/,
  /^(https?:\/\/[^/]+\/[^/]+\/[^/]+)\/[^/]+\/([^/]+)(?:\/(.*))?$/,
]

/** Reads the `git:` of an `enrichers.yaml`, e.g. https://github.com/owner/repository/tree/main/folder; or says what is wrong. */
export function parseGitAddress(text: string): GitAddress | { problem: string } {
  if (!/^https?:\/\//.test(text)) return { problem: 'A git address begins with https://.' }
  if (/^https?:\/\/[^/]*@/.test(text)) return { problem: 'A name or password does not belong in a set: leave it out and let git find it.' }
  const match = patterns.map((pattern) => pattern.exec(text)).find((found) => found !== null)
  if (!match?.[1] || !match[2])
    return { problem: 'A git address names repository, commit and folder, like https://github.com/owner/repository/tree/COMMIT/folder.' }
  return { url: match[1].endsWith('.git') ? match[1] : `${match[1]}.git`, ref: match[2], folder: (match[3] ?? '').replace(/\/+$/, '') }
}

/** Whether a ref is a whole commit, which cannot move. */
export function isCommit(ref: string): boolean {
  return /^[a-f0-9]{40}$|^[a-f0-9]{64}$/.test(ref)
}
