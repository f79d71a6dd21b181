import { contentHash } from '../inventory/content-hash.js'
import { dependenciesOf, type SbomSubject, type SyftArtifact, type SyftDocument, uniqueArtifacts } from './syft-document.js'

const documentId = 'SPDXRef-DOCUMENT'
const rootId = 'SPDXRef-Image'
const unknown = 'NOASSERTION'
/** What SPDX cannot hold in XML forms either: control characters. */
const control = /\p{Cc}/gu

/** An SPDX 2.3 document of a kept SBOM (https://spdx.github.io/spdx-spec/v2.3/). The same SBOM always makes the same document. */
export function spdxOf(document: SyftDocument, subject: SbomSubject): object {
  const artifacts = uniqueArtifacts(document)
  const extracted = new Map<string, string>()
  const packages = artifacts.map((artifact) => packageOf(artifact, extracted))
  const root = {
    SPDXID: rootId,
    name: subject.name,
    versionInfo: subject.digest,
    downloadLocation: unknown,
    filesAnalyzed: false,
    licenseConcluded: unknown,
    licenseDeclared: unknown,
    copyrightText: unknown,
    supplier: unknown,
    primaryPackagePurpose: 'CONTAINER',
    checksums: [
      { algorithm: subject.digest.startsWith('sha512:') ? 'SHA512' : 'SHA256', checksumValue: subject.digest.replace(/^sha\d+:/, '') },
    ],
  }
  const dependencies = [...dependenciesOf(document)].flatMap(([dependent, of]) =>
    [...of].map((dependency) => ({
      spdxElementId: idOf(dependency),
      relationshipType: 'DEPENDENCY_OF',
      relatedSpdxElement: idOf(dependent),
    })),
  )
  return {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: documentId,
    name: subject.name,
    documentNamespace: `https://pharos.dev/spdx/${subject.digest.replace(':', '-')}-${contentHash(subject.digest, subject.createdAt)}`,
    creationInfo: {
      created: subject.createdAt.toISOString().replace(/\.\d+Z$/, 'Z'),
      creators: [`Tool: ${document.descriptor?.name ?? 'syft'}-${document.descriptor?.version ?? ''}`, 'Tool: pharos'],
    },
    packages: [root, ...packages],
    ...(extracted.size === 0
      ? {}
      : { hasExtractedLicensingInfos: [...extracted].map(([licenseId, text]) => ({ licenseId, name: text, extractedText: text })) }),
    relationships: [
      { spdxElementId: documentId, relationshipType: 'DESCRIBES', relatedSpdxElement: rootId },
      ...artifacts.map(({ id }) => ({ spdxElementId: rootId, relationshipType: 'CONTAINS', relatedSpdxElement: idOf(id) })),
      ...dependencies,
    ],
  }
}

/** Ids may hold letters, digits, dots and hyphens only. */
const idOf = (artifactId: string): string => `SPDXRef-Package-${artifactId.replace(/[^A-Za-z0-9.-]/g, '-')}`

function packageOf(artifact: SyftArtifact, extracted: Map<string, string>): object {
  const references = [
    ...(artifact.purl === '' ? [] : [{ referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator: artifact.purl }]),
    ...(artifact.cpes ?? []).map((cpe) => ({ referenceCategory: 'SECURITY', referenceType: 'cpe23Type', referenceLocator: cpe })),
  ]
  return {
    SPDXID: idOf(artifact.id),
    name: artifact.name.replace(control, ' '),
    ...(artifact.version === '' ? {} : { versionInfo: artifact.version.replace(control, ' ') }),
    downloadLocation: unknown,
    filesAnalyzed: false,
    licenseConcluded: unknown,
    licenseDeclared: licenseOf(artifact, extracted),
    copyrightText: unknown,
    supplier: unknown,
    ...(artifact.foundBy === ''
      ? {}
      : {
          sourceInfo:
            `acquired package info by ${artifact.foundBy}: ${(artifact.locations ?? []).map(({ path }) => path).join(', ')}`.replace(
              control,
              ' ',
            ),
        }),
    ...(references.length === 0 ? {} : { externalRefs: references }),
  }
}

/** What is no SPDX expression becomes a licence of the document, which says what was read. */
function licenseOf({ licenses }: SyftArtifact, extracted: Map<string, string>): string {
  const expressions = (licenses ?? []).flatMap(({ value, spdxExpression }) => {
    if (spdxExpression !== '') return [/\s/.test(spdxExpression) ? `(${spdxExpression})` : spdxExpression]
    if (value === '') return []
    const id = `LicenseRef-${contentHash(value).slice(0, 13)}`
    extracted.set(id, value.replace(control, ' '))
    return [id]
  })
  return expressions.length === 0 ? unknown : [...new Set(expressions)].join(' AND ')
}
