import { z } from 'zod'
import type { ImageReference } from './image-reference.js'
import { registryProblem } from './registry-problem.js'
import type { RegistrySession } from './registry-session.js'

/** Tags of a repository. */
export interface TagList {
  tags: string[]
  /** There are more than the limit. */
  isTruncated: boolean
}

const PAGE_SIZE = 1000
const PAGE_LIMIT_BYTES = 4 * 1024 * 1024
const TagPage = z.object({ tags: z.array(z.string()).nullish() })
const TAG = /^[\w][\w.-]{0,127}$/

/** The query of the next page. Of the Link header only the query is taken: where to is the session's, not the answer's. */
function nextQuery(link: string | undefined): string | null {
  const target = /<([^>]{1,4096})>\s*;[^,]*\brel="?next"?/i.exec(link ?? '')?.[1]
  if (target === undefined || !URL.canParse(target, 'https://registry.invalid/')) return null
  const given = new URL(target, 'https://registry.invalid/').searchParams
  return given.toString()
}

/** Reads the pages of a repository's tag list until the limit (distribution-spec 1.1, "Listing Tags"). */
export async function listTags(
  session: RegistrySession,
  repository: Pick<ImageReference, 'registry' | 'path'>,
  options: { limit: number; shortTotalMs: number; signal?: AbortSignal | undefined },
): Promise<TagList> {
  const what = `the tags of ${repository.registry}/${repository.path}`
  const tags = new Set<string>()
  const seen = new Set<string>()
  let query: string | null = `n=${Math.min(PAGE_SIZE, options.limit + 1)}`
  while (query !== null) {
    if (seen.has(query)) throw registryProblem('registry-response-invalid', `The pages with ${what} go in a circle.`)
    seen.add(query)
    const { bytes, header } = await session.readShort(
      {
        path: `/v2/${session.repository(repository.path)}/tags/list?${query}`,
        headers: { Accept: 'application/json' },
        scope: session.pullScope(repository.path),
        what,
        deadlineMs: performance.now() + options.shortTotalMs,
        signal: options.signal,
      },
      { limitBytes: PAGE_LIMIT_BYTES, tooLarge: () => registryProblem('registry-response-invalid', `A page with ${what} is too large.`) },
    )
    const before = tags.size
    for (const tag of parsePage(bytes, what)) tags.add(tag)
    if (tags.size > options.limit) return { tags: [...tags].slice(0, options.limit), isTruncated: true }
    query = nextQuery(header('link'))
    // Endless pages with nothing new would be read forever.
    if (tags.size === before) break
  }
  return { tags: [...tags], isTruncated: false }
}

/** Tags that can be part of a reference; what else a registry lists cannot be asked for. */
function parsePage(bytes: Buffer, what: string): string[] {
  try {
    return (TagPage.parse(JSON.parse(bytes.toString('utf8'))).tags ?? []).filter((tag) => TAG.test(tag))
  } catch {
    throw registryProblem('registry-response-invalid', `The answer to the request for ${what} is not a list of tags.`)
  }
}
