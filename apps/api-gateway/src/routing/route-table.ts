import type { HttpMethod, RouteDefinition } from '@pharos/contracts'

/** A route with its path compiled, ready to be matched. */
interface CompiledRoute {
  route: RouteDefinition
  pattern: RegExp
  names: readonly string[]
  /** Literal characters in the path: of two patterns that fit, the one with more of them wins. */
  literalLength: number
}

/** What a request leads to; a path that exists for other methods only names them. */
export type RouteMatch =
  | { kind: 'found'; route: RouteDefinition; params: Record<string, string> }
  | { kind: 'method-not-allowed'; allowed: HttpMethod[] }
  | { kind: 'not-found' }

function compile(route: RouteDefinition): CompiledRoute {
  const names: string[] = []
  const source = route.path
    .split(/(\{\w+\})/)
    .map((part) => {
      const name = /^\{(\w+)\}$/.exec(part)?.[1]
      if (name === undefined) return part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
      names.push(name)
      return '([^/]+)'
    })
    .join('')
  return { route, pattern: new RegExp(`^${source}$`), names, literalLength: route.path.replace(/\{\w+\}/g, '').length }
}

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch {
    // A stray percent sign: no route has such a parameter.
    return null
  }
}

/**
 * The public routes, matched by method and path. Routers of web frameworks read the colon of `/scans:batch`
 * as a parameter, so the contract's own paths are matched here.
 */
export class RouteTable {
  private readonly compiled: CompiledRoute[]

  constructor(routes: readonly RouteDefinition[]) {
    this.compiled = routes.map(compile).sort((a, b) => b.literalLength - a.literalLength)
  }

  /** Finds the route of a path below the API's prefix, without the query string. */
  match(method: string, path: string): RouteMatch {
    const allowed = new Set<HttpMethod>()
    for (const candidate of this.compiled) {
      const values = candidate.pattern.exec(path)
      if (values === null) continue
      if (candidate.route.method !== method) {
        allowed.add(candidate.route.method)
        continue
      }
      const params = Object.fromEntries(candidate.names.map((name, index) => [name, decode(values[index + 1] ?? '')]))
      if (Object.values(params).includes(null)) return { kind: 'not-found' }
      return { kind: 'found', route: candidate.route, params: params as Record<string, string> }
    }
    return allowed.size === 0 ? { kind: 'not-found' } : { kind: 'method-not-allowed', allowed: [...allowed] }
  }
}
