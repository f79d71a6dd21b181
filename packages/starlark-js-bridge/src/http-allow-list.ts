import type { HttpOptions } from './http-options.js'

/** A request as the engines write it; the body is base64. */
export interface WebRequest {
  method: string
  url: string
  headers?: Record<string, string[]>
  body?: string
}

/** An answer as the engines read it, or why there is none. */
export type WebResponse = { status: number; headers: Record<string, string[]>; body: string } | { error: string }

interface Entry {
  origin: string
  path: string
}

function entryOf(text: string): Entry {
  if (!URL.canParse(text)) throw new RangeError(`http.allow: ${JSON.stringify(text)} is no address`)
  const url = new URL(text)
  if (!/^https?:$/.test(url.protocol) || url.username !== '' || url.search !== '' || url.hash !== '')
    throw new RangeError(`http.allow: ${JSON.stringify(text)} must be an http or https address of scheme, host, port and path`)
  return { origin: url.origin, path: url.pathname }
}

/** Decides on a request before any connection: scheme, host, port, path and method. The address is checked when it is dialled. */
export class HttpAllowList {
  private readonly entries: Entry[]
  private readonly methods: ReadonlySet<string>

  constructor({ allow, methods = ['GET', 'HEAD'] }: HttpOptions) {
    this.entries = allow.map(entryOf)
    this.methods = new Set(methods.map((method) => method.toUpperCase()))
  }

  /** Why the request may not be sent, or undefined. */
  refuse({ method, url: text }: WebRequest): string | undefined {
    const shown = text.length > 200 ? `${text.slice(0, 200)}...` : text
    if (!URL.canParse(text)) return `${shown} is no address`
    const url = new URL(text)
    if (url.username !== '' || url.password !== '') return 'an address with a name and password may not be asked'
    if (!this.methods.has(method.toUpperCase())) return `the method ${method.slice(0, 20)} may not be used`
    if (!this.entries.some((entry) => covers(entry, url))) return `${url.protocol}//${url.host}${url.pathname} is not on the allow-list`
    return undefined
  }
}

function covers({ origin, path }: Entry, url: URL): boolean {
  if (url.origin !== origin) return false
  if (path === '/') return true
  // A server may take an encoded slash for one, and so leave the path that is allowed.
  if (/%2f|%5c/i.test(url.pathname)) return false
  return url.pathname === path || url.pathname.startsWith(path.endsWith('/') ? path : `${path}/`)
}
