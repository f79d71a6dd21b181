import type { FastifyInstance } from 'fastify'

interface KnownRoute {
  readonly pattern: RegExp
  readonly methods: Set<string>
}

/** The routes of a service, to tell "no such address" from "not with this method". */
export class RouteTable {
  private readonly routes = new Map<string, KnownRoute>()

  /** Takes note of each route that is added from here on. */
  watch(fastify: FastifyInstance): void {
    fastify.addHook('onRoute', (route) => {
      for (const method of [route.method].flat()) this.add(method, route.url)
    })
  }

  add(method: string, url: string): void {
    const known = this.routes.get(url) ?? { pattern: patternOf(url), methods: new Set<string>() }
    known.methods.add(method)
    this.routes.set(url, known)
  }

  /** Methods that are served at a path, sorted; none when nothing is there. Looks through all routes: for refusals only. */
  methodsAt(path: string): string[] {
    const methods = new Set<string>()
    for (const route of this.routes.values()) {
      if (route.pattern.test(path)) for (const method of route.methods) methods.add(method)
    }
    return [...methods].sort()
  }
}

/** A route of find-my-way as an expression: `:name` or `:name(expression)` is a piece of a segment, `*` the rest, `::` a colon. */
function patternOf(url: string): RegExp {
  const source = url.replace(
    /::|:[A-Za-z_]\w*(?:\(((?:[^()\\]|\\.)*)\))?|\*|[.+?^${}()|[\]\\]/g,
    (token: string, expression: string | undefined) => {
      if (token === '::') return ':'
      if (token.startsWith(':')) return expression === undefined ? '[^/]+?' : `(?:${expression})`
      return token === '*' ? '.*' : `\\${token}`
    },
  )
  return new RegExp(`^${source}/?$`)
}
