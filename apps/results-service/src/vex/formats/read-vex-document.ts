import { PharosError } from '@pharos/contracts'
import { z } from 'zod'
import { CsafDocument, readCsaf } from './csaf.js'
import { CycloneDxVexDocument, readCycloneDxVex } from './cyclonedx-vex.js'
import { OpenVexDocument, readOpenVex } from './openvex.js'
import type { ParsedVexDocument } from './vex-statement.js'

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

/** Recognises a VEX document by what its specification demands and reads it. Throws `vex-invalid`, with the places that are wrong. */
export function readVexDocument(document: unknown, now: Date): ParsedVexDocument {
  const parsed = parse(document, now)
  if (parsed.statements.length > 0) return parsed
  throw new PharosError('vex-invalid', `The document says nothing that could be used. ${parsed.warnings.slice(0, 3).join(' ')}`.trim())
}

function parse(document: unknown, now: Date): ParsedVexDocument {
  if (isRecord(document)) {
    const { '@context': context, bomFormat, document: csaf } = document
    if (typeof context === 'string' && context.includes('openvex')) return readOpenVex(checked(OpenVexDocument, document))
    if (bomFormat === 'CycloneDX') return readCycloneDxVex(checked(CycloneDxVexDocument, document), now)
    if (isRecord(csaf) && 'csaf_version' in csaf) return readCsaf(checked(CsafDocument, document))
  }
  throw new PharosError(
    'vex-invalid',
    'The document is neither OpenVEX (@context), nor CycloneDX JSON (bomFormat), nor CSAF 2.0 (document.csaf_version).',
  )
}

function checked<S extends z.ZodType>(schema: S, document: unknown): z.output<S> {
  const result = schema.safeParse(document)
  if (result.success) return result.data
  const errors = result.error.issues.slice(0, 20).map((issue) => ({
    pointer: `#/body/${issue.path.map((part) => String(part).replaceAll('~', '~0').replaceAll('/', '~1')).join('/')}`,
    detail: issue.message,
  }))
  throw new PharosError('vex-invalid', 'The document does not fit its format.', { errors })
}
