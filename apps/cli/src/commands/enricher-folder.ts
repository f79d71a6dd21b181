import type { EnricherFile } from '@pharos/contracts'
import type { EnricherSet } from '@pharos/enrichers'
import { CommandEnd, exitCodes } from '../exit-code.js'
import { problemLine } from '../output/enricher-tables.js'
import type { CommandContext } from './command-context.js'

/**
 * Reads a folder of enrichers with what it names by git, without compiling its scripts. Warnings are notes; mistakes end the
 * command, all at once. The package is loaded here and not at the start: most commands do without it.
 */
export async function readSetFolder(
  folder: string,
  { output, environment }: Pick<CommandContext, 'output' | 'environment'>,
): Promise<EnricherSet> {
  const { fetchEnricherSources, readEnricherFiles, readFolderFiles } = await import('@pharos/enrichers')
  const found = await readFolderFiles(folder)
  // Whoever runs the command has the credentials of git; a worker has none.
  const fetched = found.ok ? await fetchEnricherSources(found.files, { environment: defined(environment) }) : found
  const read = fetched.ok ? await readEnricherFiles(fetched.files, found.ok ? { name: found.name } : {}) : fetched
  if (!read.ok) throw new CommandEnd(exitCodes.enrichers, read.problems.map(problemLine).join('\n'))
  for (const warning of read.warnings) output.note(`Warning: ${warning}`)
  return read.set
}

/** The files as they are sent. A single enricher gets the name of its folder, which the server does not know, by a list of its own. */
export function filesToSend({ files, enrichers }: EnricherSet): EnricherFile[] {
  const [only] = enrichers
  if (only === undefined || enrichers.length > 1 || files.some(({ path }) => path === 'enrichers.yaml')) return files
  return [{ path: 'enrichers.yaml', content: `sources:\n  - name: ${only.name}\n    path: enricher.yaml\n` }, ...files]
}

function defined(environment: CommandContext['environment']): Record<string, string> {
  return Object.fromEntries(Object.entries(environment).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])))
}
