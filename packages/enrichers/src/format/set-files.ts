import type { EnricherFile, EnricherProblem } from '@pharos/contracts'

/** Limits of a set of files. */
export const setLimits = { files: 1000, fileBytes: 1024 * 1024, totalBytes: 8 * 1024 * 1024, pathLength: 255 } as const

/** Half of a pair, which UTF-8 cannot say. */
const loneSurrogate = /\p{Surrogate}/u

/** Files of a set by their path. */
export type SetFiles = ReadonlyMap<string, string>

/** Looks at paths and sizes alone: what can be kept as text and written to a folder on any machine. */
export function checkSetFiles(files: readonly EnricherFile[]): { found: SetFiles; problems: EnricherProblem[] } {
  const problems: EnricherProblem[] = []
  const found = new Map<string, string>()
  let total = 0
  if (files.length === 0) problems.push({ file: '', message: 'There is no file.' })
  if (files.length > setLimits.files)
    problems.push({ file: '', message: `There are ${files.length} files; a set has at most ${setLimits.files}.` })
  for (const { path, content } of files.slice(0, setLimits.files)) {
    const bytes = Buffer.byteLength(content)
    total += bytes
    const wrongPath = problemOfPath(path)
    if (wrongPath) problems.push({ file: path.slice(0, setLimits.pathLength), message: wrongPath })
    else if (found.has(path)) problems.push({ file: path, message: 'This path is there twice.' })
    else if (bytes > setLimits.fileBytes) problems.push({ file: path, message: tooLarge(bytes) })
    else if (content.includes('\0')) problems.push({ file: path, message: 'This is no text file: it holds a NUL character.' })
    else if (loneSurrogate.test(content)) problems.push({ file: path, message: 'This is no text file: it holds half of a surrogate pair.' })
    else found.set(path, content)
  }
  if (total > setLimits.totalBytes)
    problems.push({ file: '', message: `The files have ${total} bytes together; a set has at most ${setLimits.totalBytes}.` })
  return { found, problems }
}

/** What is said of a file that is too large. */
export function tooLarge(bytes: number): string {
  return `This file has ${bytes} bytes; a file of a set has at most ${setLimits.fileBytes}.`
}

function problemOfPath(path: string): string | undefined {
  if (path.length > setLimits.pathLength) return `This path is longer than ${setLimits.pathLength} characters.`
  if (path.includes('\\')) return 'Parts of a path are divided by /.'
  if (/\p{Cc}/u.test(path)) return 'A path has no control characters.'
  if (path.startsWith('/') || /^[A-Za-z]:/.test(path)) return 'A path is relative to the folder of the set.'
  const parts = path.split('/')
  if (parts.some((part) => part === '' || part === '.' || part === '..')) return 'A path leads down, without "." and "..".'
  return undefined
}
