import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { exampleOf, EnricherPayload } from '@pharos/contracts'
import { Command } from 'commander'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { exitCodeHelp } from '../exit-code.js'
import { runProgram } from '../program.js'
import { addEnricherCommands } from './enricher.commands.js'

const page = await readFile(new URL('../../../../docs/enrichers.md', import.meta.url), 'utf8')
/** Fenced blocks: the words after the fence, and the text. */
const blocks = [...page.matchAll(/^```(\S+)(?: (\S+))?\n([\s\S]*?)^```$/gm)].map(([, language, file, text = '']) => ({
  language,
  file,
  text,
}))
/** Commands of the page without what stands behind #. */
const commands = blocks
  .filter(({ language }) => language === 'sh')
  .flatMap(({ text }) => text.split('\n'))
  .flatMap((line) => (line.startsWith('pharos enricher ') ? [line.replace(/\s+#.*$/, '')] : []))

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pharos-page-'))
  for (const { file, text } of blocks) {
    if (file === undefined) continue
    await mkdir(dirname(join(folder, file)), { recursive: true })
    await writeFile(join(folder, file), text)
  }
  await writeFile(join(folder, '.payload.json'), JSON.stringify(exampleOf(EnricherPayload)))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function pharos(line: string): Promise<{ code: number; out: string; err: string }> {
  let out = ''
  let err = ''
  const args = line
    .replace('payload.json', join(folder, '.payload.json'))
    .split(' ')
    .slice(1)
    .map((word) => (word === '.' ? folder : word))
  const streams = { out: (text: string) => void (out += text), err: (text: string) => void (err += text), isTerminal: true }
  return { code: await runProgram({ arguments: args, environment: {}, streams }), out, err }
}

describe('the page about enrichers', () => {
  it.each(commands.filter((line) => /enricher (test|run) \. ?(--sample|--payload|$)/.test(line)))('%s', async (line) => {
    expect(await pharos(line)).toMatchObject({ code: 0, err: '' })
  })

  it('has a test of each sentence that it says of the first enricher', async () => {
    const { out } = await pharos('pharos enricher test .')
    expect(out).toMatch(/the list decides when there is no label/)
    expect(out).toMatch(/a label goes first/)
  })

  it('names only commands and options that there are', () => {
    const enricher = new Command('pharos')
    addEnricherCommands(enricher, () => Promise.resolve())
    const known = new Map(
      (enricher.commands[0]?.commands ?? []).map((command) => [command.name(), command.options.map(({ long }) => long)]),
    )
    expect(commands.length).toBeGreaterThan(8)
    for (const line of commands) {
      const [, , name = '', ...rest] = line.split(' ')
      expect([...known.keys()]).toContain(name)
      for (const word of rest.filter((one) => one.startsWith('--')))
        expect([line, known.get(name)]).toEqual([line, expect.arrayContaining([word])])
    }
  })

  it.each(['0', '1', '2', '6', '7'])('tells exit code %s, which the help tells too', (code) => {
    expect(page).toMatch(new RegExp(`^\\| ${code} \\| `, 'm'))
    expect(exitCodeHelp).toMatch(new RegExp(`^ {2}${code} {2}`, 'm'))
  })
})
