/** What a purl says, as far as packages of two tools are told alike by it. */
export interface PackageUrl {
  readonly type: string
  /** Namespace and name, joined as the ecosystem does. */
  readonly name: string
  readonly version: string
}

/** Package types of Syft by purl type: Syft's SBOM is what findings hang on. */
const syftTypes: Readonly<Record<string, string>> = {
  deb: 'deb',
  apk: 'apk',
  rpm: 'rpm',
  alpm: 'alpm',
  npm: 'npm',
  golang: 'go-module',
  pypi: 'python',
  gem: 'gem',
  maven: 'java-archive',
  cargo: 'rust-crate',
  composer: 'php-composer',
  nuget: 'dotnet',
  conan: 'conan',
  hex: 'hex',
  pub: 'dart-pub',
  swift: 'swift',
  cocoapods: 'pod',
  conda: 'conda',
  bitnami: 'bitnami',
}

/** Takes a purl apart; undefined when it is none. Source: https://github.com/package-url/purl-spec */
export function parsePackageUrl(purl: string): PackageUrl | undefined {
  const [, type, path, version = '', query = ''] =
    /^pkg:\/*([a-zA-Z0-9.+-]+)\/([^@?#]+)(?:@([^?#]*))?(?:\?([^#]*))?/.exec(purl.replace(/^pkg:npm\/@/, 'pkg:npm/%40')) ?? []
  if (type === undefined || path === undefined) return undefined
  const parts = path
    .split('/')
    .filter((part) => part !== '')
    .map(decode)
  const kind = type.toLowerCase()
  // Of system packages the namespace is the distribution, not a part of the name.
  const name = ['deb', 'apk', 'rpm', 'alpm'].includes(kind)
    ? (parts.at(-1) ?? '')
    : kind === 'maven'
      ? (parts.at(-1) ?? '')
      : parts.join('/')
  const epoch = new URLSearchParams(query).get('epoch')
  const decoded = decode(version)
  return {
    type: syftTypes[kind] ?? kind,
    name: kind === 'pypi' ? name.toLowerCase() : name,
    version: epoch === null || epoch === '0' || decoded.startsWith(`${epoch}:`) ? decoded : `${epoch}:${decoded}`,
  }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
