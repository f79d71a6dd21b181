import type { EnricherFile, EnricherProblem, EnricherSource } from '@pharos/contracts'
import { isMap, isScalar, isSeq, parseDocument, type YAMLMap } from 'yaml'
import { checkEnricherList, hasVariable } from '../format/read-list.js'
import { parseGitAddress } from './git-address.js'
import { fetchGitFolder, type GitOptions } from './git-folder.js'

export type FetchedSources = { ok: true; files: EnricherFile[] } | { ok: false; problems: EnricherProblem[] }

/** Fetches a whole set: the files of a folder of a repository at a commit, and what its `enrichers.yaml` names by git. */
export async function fetchEnricherSource(source: EnricherSource, options: GitOptions = {}): Promise<FetchedSources> {
  const fetched = await fetchGitFolder({ url: source.git, ref: source.commit, folder: source.path }, options)
  return fetched.ok ? fetchEnricherSources(fetched.files, options) : fetched
}

/**
 * Puts what an `enrichers.yaml` names by `git` beside the other files, and writes there where it came from. A set is then whole in
 * itself: it means the same tomorrow, when a repository has moved or vanished.
 */
export async function fetchEnricherSources(files: readonly EnricherFile[], options: GitOptions = {}): Promise<FetchedSources> {
  const list = files.find((file) => file.path === 'enrichers.yaml')
  if (!list || !/\bgit\b/.test(list.content)) return { ok: true, files: [...files] }
  const problems: EnricherProblem[] = []
  const read = checkEnricherList(list.content, problems)
  if (!read) return { ok: false, problems }
  const added: EnricherFile[] = []
  const document = parseDocument(list.content, { logLevel: 'silent' })
  for (const [index, entry] of (read.list.sources ?? []).entries()) {
    if (!entry.git) continue
    const complain = (message: string) =>
      problems.push({
        file: 'enrichers.yaml',
        ...read.document.placeOf([...read.at, 'sources', index, 'git']),
        message: `${entry.name}: ${message}`,
      })
    const address = hasVariable(entry.git)
      ? { problem: 'A variable of the environment is not put in here. Leave the credential out and let git find it.' }
      : parseGitAddress(entry.git)
    if ('problem' in address) {
      complain(address.problem)
      continue
    }
    const folder = `fetched/${entry.name}`
    const fetched = await fetchGitFolder(address, options)
    if (!fetched.ok) for (const problem of fetched.problems) complain(`${problem.file === '' ? '' : `${problem.file}: `}${problem.message}`)
    else {
      added.push(...fetched.files.map((file) => ({ path: `${folder}/${file.path}`, content: file.content })))
      const origin = `${address.url} ${fetched.commit} ${address.folder}`.trimEnd()
      rewriteEntry(document.contents, [...read.at, 'sources', index], { path: folder, fetched: origin })
    }
  }
  if (problems.length > 0) return { ok: false, problems }
  const rewritten = { path: 'enrichers.yaml', content: document.toString({ lineWidth: 0 }) }
  return { ok: true, files: [...files.filter((file) => file !== list), rewritten, ...added] }
}

function rewriteEntry(root: unknown, path: readonly PropertyKey[], values: Readonly<Record<string, string>>): void {
  let node = root
  for (const part of path) {
    if (isMap(node)) node = (node as YAMLMap).items.find((pair) => isScalar(pair.key) && pair.key.value === part)?.value
    else if (isSeq(node)) node = node.items[Number(part)]
  }
  if (!isMap(node)) return
  node.delete('git')
  for (const [key, value] of Object.entries(values)) node.set(key, value)
}
