import { compareApkVersions, compareDebVersions, compareRpmVersions } from './distribution-versions.js'
import {
  compareGemVersions,
  compareGenericVersions,
  compareMavenVersions,
  comparePythonVersions,
  compareSemanticVersions,
} from './language-versions.js'
import type { VersionOrder } from './version-comparison.js'

/** How the versions of each package type are ordered; every other type is ordered as any text. */
const orders: Readonly<Record<string, VersionOrder>> = {
  deb: compareDebVersions,
  rpm: compareRpmVersions,
  apk: compareApkVersions,
  python: comparePythonVersions,
  'java-archive': compareMavenVersions,
  'jenkins-plugin': compareMavenVersions,
  gem: compareGemVersions,
  npm: compareSemanticVersions,
  'go-module': compareSemanticVersions,
  'rust-crate': compareSemanticVersions,
  'php-composer': compareSemanticVersions,
  dotnet: compareSemanticVersions,
  hex: compareSemanticVersions,
  pub: compareSemanticVersions,
  swift: compareSemanticVersions,
}

/** The order of the versions of a package type, as syft names types. Total: each two versions of any text compare. */
export function versionOrderOf(packageType: string): VersionOrder {
  return orders[packageType] ?? compareGenericVersions
}
