import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import type { z } from 'zod'
import { type JsonDocument, parseJson, tooLarge } from './json-file.js'

/** Reads a file of JSON lines one after the other, however many they are. @throws PharosError the document's problem */
export async function* readJsonLines<S extends z.ZodType>(path: string, document: JsonDocument<S>): AsyncGenerator<z.output<S>> {
  if ((await stat(path)).size > document.limitBytes) throw tooLarge(document)
  const lines = createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })
  for await (const line of lines) yield parseJson(line, document)
}
