import type { CappedCount } from '@pharos/contracts'
import type { z } from 'zod'
import type { CommandContext } from './command-context.js'

interface AnyPage {
  items: unknown[]
  nextCursor: string | null
  count?: CappedCount | undefined
}

/** Asks for a page and shows it; how many rows there are and how to go on is a note beside the table. */
export async function showPage<P extends z.ZodType<AnyPage>>(
  context: CommandContext,
  path: string,
  query: Record<string, unknown>,
  page: P,
  render: (value: z.output<P>) => string,
): Promise<void> {
  const value = await context.api.request({ method: 'GET', path, query }, page)
  context.output.result(value, render)
  if (context.output.isJson) return
  if (value.count !== undefined) context.output.note(`${value.count.isCapped ? 'More than ' : ''}${value.count.count} in all`)
  if (value.nextCursor !== null) context.output.note(`More: --cursor ${value.nextCursor}`)
}
