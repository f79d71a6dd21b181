import { printable, registryProblem } from './registry-problem.js'

/** Operating system and processor of an image, in Go's names, normalised as containerd does. */
export interface Platform {
  os: string
  architecture: string
  /** Processor variant, e.g. `v7` of arm; absent for the default one. */
  variant?: string
}

/** What is scanned when nobody says otherwise. */
export const DEFAULT_PLATFORM: Platform = { os: 'linux', architecture: 'amd64' }

/** GOOS and GOARCH values (go tool dist list, 1.26), and those of the OCI image specification. */
const KNOWN_OS = new Set([
  'aix',
  'android',
  'darwin',
  'dragonfly',
  'freebsd',
  'illumos',
  'ios',
  'js',
  'linux',
  'netbsd',
  'openbsd',
  'plan9',
  'solaris',
  'wasip1',
  'windows',
])
const KNOWN_ARCHITECTURES = new Set([
  '386',
  'amd64',
  'arm',
  'arm64',
  'loong64',
  'mips',
  'mips64',
  'mips64le',
  'mipsle',
  'ppc64',
  'ppc64le',
  'riscv64',
  's390x',
  'wasm',
])

/**
 * Brings a platform to one spelling. Source: github.com/containerd/platforms, database.go (normalizeOS, normalizeArch).
 */
export function normalisePlatform(platform: Platform): Platform {
  const givenOs = platform.os.toLowerCase()
  const os = givenOs === 'macos' ? 'darwin' : givenOs
  let architecture = platform.architecture.toLowerCase()
  let variant = (platform.variant ?? '').toLowerCase()
  if (architecture === 'i386') {
    architecture = '386'
    variant = ''
  } else if (['x86_64', 'x86-64', 'amd64'].includes(architecture)) {
    architecture = 'amd64'
    if (variant === 'v1') variant = ''
  } else if (['aarch64', 'arm64'].includes(architecture)) {
    architecture = 'arm64'
    if (variant === '8' || variant === 'v8') variant = ''
  } else if (architecture === 'armhf') {
    architecture = 'arm'
    variant = 'v7'
  } else if (architecture === 'armel') {
    architecture = 'arm'
    variant = 'v6'
  } else if (architecture === 'arm') {
    if (variant === '' || variant === '7') variant = 'v7'
    else if (['5', '6', '8'].includes(variant)) variant = `v${variant}`
  }
  return { os, architecture, ...(variant === '' ? {} : { variant }) }
}

/**
 * Parses `os/architecture` or `os/architecture/variant`, e.g. `linux/arm64/v8`.
 * @throws PharosError `platform-invalid`
 */
export function parsePlatform(text: string): Platform {
  const shown = printable(text, 60)
  const parts = text.split('/')
  if (text.length > 64 || parts.length < 2 || parts.length > 3 || parts.some((part) => !/^[A-Za-z0-9_.-]+$/.test(part))) {
    throw registryProblem(
      'platform-invalid',
      `The platform "${shown}" does not have the form os/architecture or os/architecture/variant, e.g. linux/arm64.`,
    )
  }
  const [os = '', architecture = '', variant] = parts
  const platform = normalisePlatform({ os, architecture, ...(variant === undefined ? {} : { variant }) })
  if (!KNOWN_OS.has(platform.os))
    throw registryProblem(
      'platform-invalid',
      `The platform "${shown}" has an unknown operating system. Known: ${[...KNOWN_OS].join(', ')}.`,
    )
  if (!KNOWN_ARCHITECTURES.has(platform.architecture))
    throw registryProblem(
      'platform-invalid',
      `The platform "${shown}" has an unknown architecture. Known: ${[...KNOWN_ARCHITECTURES].join(', ')}.`,
    )
  return platform
}

/** `os/architecture[/variant]`. */
export function formatPlatform(platform: Platform): string {
  return [platform.os, platform.architecture, ...(platform.variant === undefined ? [] : [platform.variant])].join('/')
}

/** Variants that run on the wanted one, best first, as containerd's platform vectors; the architecture never changes. */
function acceptableVariants(wanted: Platform): (string | undefined)[] {
  const numbered = /^v(\d)$/.exec(wanted.variant ?? '')
  const level = numbered === null ? 0 : Number(numbered[1])
  if (wanted.architecture === 'arm' && level > 0) return Array.from({ length: Math.max(level - 4, 1) }, (_, step) => `v${level - step}`)
  if (wanted.architecture === 'amd64' && level > 1)
    return [...Array.from({ length: level - 1 }, (_, step) => `v${level - step}`), undefined]
  if (wanted.architecture === 'arm64' && level > 8) return [`v${level}`, undefined]
  return [wanted.variant]
}

/** How well an image's platform serves the wanted one: 0 is exact, larger is an older variant, null is not at all. */
export function platformDistance(wanted: Platform, offered: Platform): number | null {
  const want = normalisePlatform(wanted)
  const offer = normalisePlatform(offered)
  if (want.os !== offer.os || want.architecture !== offer.architecture) return null
  const rank = acceptableVariants(want).indexOf(offer.variant)
  return rank < 0 ? null : rank
}
