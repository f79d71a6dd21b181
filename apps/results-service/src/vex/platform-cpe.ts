/** Distributions by the vendor and product of their CPE, as they name themselves in /etc/os-release. */
const distros: Readonly<Record<string, string>> = {
  'redhat:enterprise_linux': 'rhel',
  'debian:debian_linux': 'debian',
  'canonical:ubuntu_linux': 'ubuntu',
  'alpinelinux:alpine_linux': 'alpine',
  'almalinux:almalinux': 'almalinux',
  'rocky:rocky': 'rocky',
  'oracle:linux': 'ol',
  'amazon:amazon_linux': 'amzn',
  'fedoraproject:fedora': 'fedora',
  'opensuse:leap': 'opensuse-leap',
}

/**
 * Whether a CPE (2.2 or 2.3) names the distribution of an image, e.g. `cpe:/a:redhat:enterprise_linux:9::appstream` that of
 * `rhel 9.4`. A CPE without a version, of an extended support stream (another product) or with an update that is no number names
 * none: a statement that is taken too widely would hide a vulnerability.
 */
export function isPlatformOf(cpe: string, distro: string | null): boolean {
  const [part = '', vendor = '', product = '', version = '', update = ''] = partsOf(cpe)
  const [name = '', release = ''] = (distro ?? '').split(' ')
  if ((part !== 'o' && part !== 'a') || distros[`${vendor}:${product}`] !== name) return false
  const isUpdateless = update === '' || update === '*' || update === '-'
  if (!/^\d+(?:\.\d+)*$/.test(version) || !(isUpdateless || /^\d+$/.test(update))) return false
  const stated = [...version.split('.'), ...(isUpdateless ? [] : [update])]
  const found = release.split('.')
  return stated.every((segment, at) => segment === found[at])
}

/** part, vendor, product, version, update; nothing of what is no CPE. */
function partsOf(cpe: string): string[] {
  if (cpe.startsWith('cpe:2.3:')) return cpe.slice('cpe:2.3:'.length).split(':').slice(0, 5).map(plain)
  return cpe.startsWith('cpe:/') ? cpe.slice('cpe:/'.length).split(':').slice(0, 5).map(plain) : []
}

const plain = (text: string): string => text.replaceAll('\\', '').toLowerCase()
