import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { expect, it } from 'vitest'

const root = resolve(import.meta.dirname, '../..')

const pages = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '*.md'], { cwd: root, encoding: 'utf8' })
  .split('\0')
  .filter((path) => path !== '' && existsSync(join(root, path)) && path !== 'THIRD_PARTY_NOTICES.md')

/** The anchors that a forge makes of headings. */
function anchorsOf(markdown) {
  return [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

function brokenLinks(path) {
  const markdown = readFileSync(join(root, path), 'utf8').replaceAll(/```.*?```/gs, '')
  return [...markdown.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target]) => target)
    .filter((target) => !/^[a-z]+:/.test(target))
    .filter((target) => {
      const [file, anchor] = target.split('#')
      const full = file === '' ? join(root, path) : join(root, dirname(path), file)
      if (!existsSync(full)) return true
      return anchor !== undefined && full.endsWith('.md') && !anchorsOf(readFileSync(full, 'utf8')).includes(anchor)
    })
}

it.each(pages)('the links of %s lead somewhere', (path) => {
  expect(brokenLinks(path)).toEqual([])
})
