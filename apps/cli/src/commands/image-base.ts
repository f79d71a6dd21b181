import { ImageBase, ImageLayerList } from '@pharos/contracts'
import { facts, table } from '../output/output.js'
import { byteText, shortDigest, shorten } from '../output/terminal-text.js'
import type { CommandContext } from './command-context.js'

function baseText({ base, findings }: ImageBase): string {
  const counts = [
    ['From the base', String(findings.fromBase)],
    ['Of its own', String(findings.own)],
    ['Not placed', String(findings.unplaced)],
  ] as const
  if (base === null) return facts([['Base', 'not known'], ...counts])
  const names = [base.annotatedReference, ...base.references].filter((name) => name !== null)
  return facts([
    ['Base', names[0] ?? base.digest ?? base.annotatedDigest ?? 'an image that you may not see'],
    ['Digest', base.digest ?? base.annotatedDigest ?? '-'],
    ['Known by', base.source === 'annotation' ? 'what the image says' : 'the layers that they share'],
    ['Layers of the base', base.layerCount === null ? 'not known' : String(base.layerCount)],
    ...counts,
  ])
}

function layerTable({ items }: ImageLayerList): string {
  return table(
    ['LAYER', 'SIZE', 'OF', 'PACKAGES', 'CRITICAL', 'HIGH', 'MEDIUM', 'LOW', 'MADE BY'],
    items.map(({ digest, sizeBytes, isFromBase, packages, findings, createdBy }) => [
      shortDigest(digest),
      byteText(sizeBytes),
      isFromBase === null ? '-' : isFromBase ? 'base' : 'image',
      String(packages),
      String(findings.critical),
      String(findings.high),
      String(findings.medium),
      String(findings.low),
      shorten(createdBy ?? '-', 60),
    ]),
  )
}

/** Shows what an image is built on and what each of its layers brings. `path` is that of the image. */
export async function showImageBase(context: CommandContext, path: string): Promise<void> {
  const base = await context.api.request({ method: 'GET', path: `${path}/base` }, ImageBase)
  const layers = await context.api.request({ method: 'GET', path: `${path}/layers` }, ImageLayerList)
  context.output.result({ ...base, layers }, (value) => `${baseText(value)}\n${layerTable(value.layers)}`)
}
