import { lookup } from 'node:dns/promises'
import { mkdtemp, rm } from 'node:fs/promises'
import { isIP } from 'node:net'
import { tmpdir } from 'node:os'
import { join, posix } from 'node:path'
import type { EnricherFile, EnricherProblem } from '@pharos/contracts'
import { setLimits, tooLarge } from '../format/set-files.js'
import { isCommit } from './git-address.js'
import { GitError, type GitProgram, runGit } from './git-command.js'
import { reasonOf, textOf } from './read-folder.js'

/** Where git may go, and how. */
export interface GitOptions extends GitProgram {
  /**
   * Whether a resolved IP address may be connected to; git is then held to that address. Whoever fetches for strangers refuses internal
   * ones here. Left out, every address is allowed.
   */
  isAddressAllowed?: ((address: string) => boolean) | undefined
  /** Protocols that git may speak. Default https alone. */
  protocols?: readonly ('https' | 'http' | 'file')[] | undefined
  /** Takes a branch or tag and pins the commit that it names now. Default false: only a whole commit is taken. */
  allowMovingRefs?: boolean | undefined
}

/** A folder of a repository at one commit. */
export interface GitFolder {
  url: string
  ref: string
  folder: string
}

export type FetchedFolder = { ok: true; files: EnricherFile[]; commit: string } | { ok: false; problems: EnricherProblem[] }

/** Fetches the text files of a folder at a commit. No file of the repository is written or run: its objects are read. */
export async function fetchGitFolder(source: GitFolder, options: GitOptions = {}): Promise<FetchedFolder> {
  const fail = (message: string): FetchedFolder => ({ ok: false, problems: [{ file: '', message: `${source.url}: ${message}` }] })
  if (!isCommit(source.ref) && !options.allowMovingRefs)
    return fail(`${source.ref} may move. Name the commit by its whole hash of 40 digits, so that the same files are read everywhere.`)
  if (!/^[A-Za-z0-9._/-]+$/.test(source.ref) || source.ref.startsWith('-'))
    return fail(`${source.ref} is no name of a commit, branch or tag.`)
  const folder = posix.normalize(source.folder || '.').replace(/^\.$|\/$/, '')
  if (folder.startsWith('..') || folder.startsWith('/')) return fail(`The folder ${source.folder} is not in the repository.`)
  const place = await mkdtemp(join(tmpdir(), 'pharos-git-'))
  try {
    const connection = await connectionOf(source.url, options)
    if (typeof connection === 'string') return fail(connection)
    await runGit(options, place, ['init', '--quiet', '--bare', '.'])
    const commit = await fetchCommit(place, source, connection, options)
    return await readTree(place, commit, folder, options)
  } catch (error) {
    if (error instanceof GitError) return fail(`${firstSentence(error.message)}. Is the address right, and is the commit still there?`)
    throw error
  } finally {
    await rm(place, { recursive: true, force: true })
  }
}

/** Options of git that hold it to an address, or why it may not go there. */
async function connectionOf(address: string, options: GitOptions): Promise<string[] | string> {
  const url = URL.canParse(address) ? new URL(address) : undefined
  const protocol = url?.protocol.replace(':', '')
  const allowed = options.protocols ?? ['https']
  if (!url || !allowed.some((one) => one === protocol)) return `Only addresses of ${allowed.join(', ')} are fetched.`
  const args = [
    '-c',
    'protocol.allow=never',
    ...allowed.flatMap((one) => ['-c', `protocol.${one}.allow=always`]),
    '-c',
    'http.followRedirects=false',
  ]
  if (protocol === 'file' || !options.isAddressAllowed) return args
  const host = url.hostname.replace(/^\[|\]$/g, '')
  let addresses: string[]
  try {
    addresses = isIP(host) ? [host] : (await lookup(host, { all: true })).map((one) => one.address)
  } catch (error) {
    return `The host ${host} is not known: ${reasonOf(error)}.`
  }
  if (!addresses.every(options.isAddressAllowed)) return `The host ${host} has an address that may not be reached from here.`
  const port = url.port || (protocol === 'http' ? '80' : '443')
  return isIP(host) ? args : [...args, '-c', `http.curloptResolve=${host}:${port}:${addresses.join(',')}`]
}

async function fetchCommit(place: string, source: GitFolder, connection: readonly string[], options: GitOptions): Promise<string> {
  const fetch = (...refs: string[]) =>
    runGit(options, place, [...connection, 'fetch', '--quiet', '--no-tags', '--no-recurse-submodules', ...refs])
  if (!isCommit(source.ref)) {
    await fetch('--depth=1', '--', source.url, source.ref)
    return (await runGit(options, place, ['rev-parse', 'FETCH_HEAD^{commit}'])).toString().trim()
  }
  try {
    await fetch('--depth=1', '--', source.url, source.ref)
  } catch (error) {
    if (!(error instanceof GitError) || error.reason !== 'failed') throw error
    // Not every server gives a commit by its hash; then it is looked for in all branches.
    await fetch('--', source.url, '+refs/heads/*:refs/heads/*')
  }
  return (await runGit(options, place, ['rev-parse', '--verify', '--quiet', `${source.ref}^{commit}`])).toString().trim()
}

interface TreeEntry {
  mode: string
  type: string
  object: string
  bytes: number
  path: string
}

async function readTree(place: string, commit: string, folder: string, options: GitOptions): Promise<FetchedFolder> {
  const listed = await runGit(options, place, ['ls-tree', '-r', '-l', '-z', '--full-tree', folder === '' ? commit : `${commit}:${folder}`])
  const entries = listed
    .toString('utf8')
    .split('\0')
    .flatMap(entryOf)
    .filter((entry) => !entry.path.split('/').some((part) => part.startsWith('.')))
  const problems: EnricherProblem[] = []
  const complain = (file: string, message: string) => problems.push({ file, message })
  if (entries.length > setLimits.files) complain('', `The folder has more than ${setLimits.files} files; it is no set of enrichers.`)
  const wanted: { path: string; object: string }[] = []
  const links = await targetsOf(place, entries, options)
  for (const entry of entries.slice(0, setLimits.files)) {
    const target = entry.mode === '120000' ? targetOf(entry, entries, links) : entry
    if (!target) complain(entry.path, 'This link leads out of the folder of the set, or to nothing. Put the file itself there.')
    else if (target.type !== 'blob') complain(entry.path, 'This is another repository (a submodule), which is not fetched.')
    else if (target.bytes > setLimits.fileBytes) complain(entry.path, tooLarge(target.bytes))
    else wanted.push({ path: entry.path, object: target.object })
  }
  if (problems.length > 0) return { ok: false, problems }
  const contents = await readObjects(
    place,
    wanted.map((one) => one.object),
    options,
  )
  const files: EnricherFile[] = []
  for (const [index, { path }] of wanted.entries()) {
    try {
      files.push({ path, content: textOf(contents[index] ?? Buffer.alloc(0)) })
    } catch (error) {
      complain(path, `This cannot be read: ${reasonOf(error)}.`)
    }
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, files, commit }
}

function entryOf(line: string): TreeEntry[] {
  const match = /^(\d+) (\w+) ([0-9a-f]+) +(\d+|-)\t(.+)$/s.exec(line)
  if (!match) return []
  const [, mode = '', type = '', object = '', bytes = '', path = ''] = match
  return [{ mode, type, object, bytes: Number(bytes) || 0, path }]
}

/** What the links of the folder say, by their path. */
async function targetsOf(place: string, entries: readonly TreeEntry[], options: GitOptions): Promise<Map<string, string>> {
  const links = entries.filter((entry) => entry.mode === '120000' && entry.bytes < 4096)
  const texts = await readObjects(
    place,
    links.map((link) => link.object),
    options,
  )
  return new Map(links.map((link, index) => [link.path, (texts[index] ?? Buffer.alloc(0)).toString('utf8')]))
}

/** The file that a link leads to, through at most ten links. */
function targetOf(link: TreeEntry, entries: readonly TreeEntry[], links: ReadonlyMap<string, string>): TreeEntry | undefined {
  let at: TreeEntry | undefined = link
  for (let hops = 0; at?.mode === '120000' && hops < 10; hops++) {
    const text: string = links.get(at.path) ?? '/'
    const path = posix.normalize(posix.join(posix.dirname(at.path), text))
    at = text.startsWith('/') ? undefined : entries.find((entry) => entry.path === path)
  }
  return at?.mode === '120000' ? undefined : at
}

/** Contents of objects, in their order. */
async function readObjects(place: string, objects: readonly string[], options: GitOptions): Promise<Buffer[]> {
  if (objects.length === 0) return []
  const answer = await runGit(options, place, ['cat-file', '--batch'], objects.map((object) => `${object}\n`).join(''))
  const contents: Buffer[] = []
  for (let at = 0; at < answer.length; ) {
    const end = answer.indexOf(0x0a, at)
    const size = Number(answer.subarray(at, end).toString('latin1').split(' ')[2])
    contents.push(answer.subarray(end + 1, end + 1 + size))
    at = end + 1 + size + 1
  }
  return contents
}

function firstSentence(text: string): string {
  return (text.split('\n').find((line) => /^(fatal|error):/.test(line)) ?? text)
    .replace(/^(fatal|error): /, '')
    .replace(/\.$/, '')
    .slice(0, 300)
}
