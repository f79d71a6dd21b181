import { createWriteStream } from 'node:fs'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { ExportLine, ExportQuery, ExportResource } from '@pharos/contracts'
import { Argument, type Command } from 'commander'
import { CommandEnd, exitCodes } from '../exit-code.js'
import { addSchemaOptions, givenOptions } from '../options/options-from-schema.js'
import type { RunCommand } from './command-context.js'

const exportFields = ['filter'] as const
/** Longer than any line that is no item. */
const tailBytes = 8192

/** Adds `pharos export`. */
export function addExportCommands(program: Command, run: RunCommand): void {
  const command = program
    .command('export')
    .description('Write everything of a kind, a JSON object a line; the exit code is 1 when it was cut off')
    .addArgument(new Argument('<resource>', 'What to export').choices(ExportResource.options))
    .option('--file <path>', 'Write to a file instead of standard output')
  addSchemaOptions(command, ExportQuery, exportFields)
  command.action((resource: string) =>
    run(command, async (context) => {
      const stream = await context.api.open({
        method: 'GET',
        path: `/export/${resource}`,
        query: givenOptions(command.opts(), exportFields),
      })
      const tail = new Tail()
      const { file } = command.opts<{ file?: string }>()
      try {
        await (file === undefined
          ? pipeline(stream, tail, process.stdout, { end: false })
          : pipeline(stream, tail, createWriteStream(file)))
      } catch (error) {
        throw new CommandEnd(exitCodes.error, `The export broke off: ${error instanceof Error ? error.message : 'unknown reason'}.`)
      }
      const last = tail.lastLine()
      if (last?.type === 'error') throw new CommandEnd(exitCodes.error, `The export was broken off: ${last.detail}`)
      if (last?.type !== 'end') throw new CommandEnd(exitCodes.error, 'The export was cut off: its last line is missing.')
      context.output.note(`${last.count} ${resource}`)
    }),
  )
}

/** Passes bytes on and remembers the last ones. */
class Tail extends Transform {
  private tail = Buffer.alloc(0)

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: (error: null, chunk: Buffer) => void): void {
    this.tail = Buffer.concat([this.tail, chunk]).subarray(-tailBytes)
    done(null, chunk)
  }

  /** null when the stream did not end with a line of an export. */
  lastLine(): ExportLine | null {
    const text = this.tail.toString('utf8').trimEnd()
    try {
      return ExportLine.safeParse(JSON.parse(text.slice(text.lastIndexOf('\n') + 1))).data ?? null
    } catch {
      return null
    }
  }
}
