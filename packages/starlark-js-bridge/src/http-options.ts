/** What scripts may reach. Everything else is refused before a connection is made. */
export interface HttpOptions {
  /** Address prefixes, e.g. `https://tags.example/v2/`: scheme, host and port must be equal, the path must start so. */
  allow: readonly string[]
  /** Default GET and HEAD. */
  methods?: readonly string[] | undefined
  /** Time of one request. Default 3,000. */
  timeoutMs?: number | undefined
  /** Length of one response's body. Default 1 MiB. */
  maxBytes?: number | undefined
  /** Requests of one run, redirects included. Default 10. */
  maxRequests?: number | undefined
  /** Lets the allow-list's own hosts have internal addresses (loopback, private networks, link-local). Default false. */
  allowInternal?: boolean | undefined
}
