import type { AlpinePackage } from './alpine-packages.js'
import type { DebianPackage } from './debian-packages.js'
import type { NpmPackage, PythonPackage } from './language-packages.js'

// The versions are those that tools/facts/facts.json knows vulnerabilities of, and some that it knows none of.

function debianPackage(name: string, version: string, paths: string[], more: Partial<DebianPackage> = {}): DebianPackage {
  return {
    name,
    version,
    files: paths.map((path) => ({ path, content: `${name} ${version}\n`, mode: path.includes('bin/') ? 0o755 : 0o644 })),
    ...more,
  }
}

/** The packages of the Debian sample's base layer. */
export const debianBasePackages: DebianPackage[] = [
  debianPackage('apt', '2.6.1', ['usr/bin/apt', 'usr/bin/apt-get', 'usr/bin/apt-key'], { dependsOn: ['libapt-pkg6.0 (>= 2.6.1)'] }),
  debianPackage('base-files', '12.4+deb12u1', ['usr/share/base-files/motd']),
  debianPackage('bash', '5.2.15-2+b2', ['bin/bash'], { source: 'bash (5.2.15-2)' }),
  debianPackage('coreutils', '9.1-1', ['bin/ls', 'bin/cat']),
  debianPackage('libapt-pkg6.0', '2.6.1', ['usr/lib/x86_64-linux-gnu/libapt-pkg.so.6.0.0'], { source: 'apt' }),
  debianPackage('libc-bin', '2.36-9', ['usr/bin/ldd', 'usr/bin/getent'], { source: 'glibc' }),
  debianPackage('libc6', '2.36-9', ['lib/x86_64-linux-gnu/libc.so.6', 'lib/x86_64-linux-gnu/ld-linux-x86-64.so.2'], { source: 'glibc' }),
  debianPackage('tar', '1.34+dfsg-1.2', ['bin/tar']),
  debianPackage('zlib1g', '1:1.2.13.dfsg-1', ['lib/x86_64-linux-gnu/libz.so.1.2.13'], { source: 'zlib' }),
]

/** What the application image installs on top of the base layer. */
export const debianApplicationPackages: DebianPackage[] = [
  debianPackage('curl', '7.88.1-10', ['usr/bin/curl'], { dependsOn: ['libc6 (>= 2.34)', 'libcurl4 (= 7.88.1-10)'] }),
  debianPackage('libcurl4', '7.88.1-10', ['usr/lib/x86_64-linux-gnu/libcurl.so.4.8.0'], { source: 'curl' }),
  debianPackage('libssl3', '3.0.9-1', ['usr/lib/x86_64-linux-gnu/libssl.so.3'], { source: 'openssl' }),
  debianPackage('openssl', '3.0.9-1', ['usr/bin/openssl']),
]

function alpinePackage(name: string, version: string, license: string, paths: string[], origin?: string): AlpinePackage {
  return {
    name,
    version,
    license,
    files: paths.map((path) => ({ path, content: `${name} ${version}\n`, mode: path.includes('bin/') ? 0o755 : 0o644 })),
    ...(origin === undefined ? {} : { origin }),
  }
}

/** The packages of the Alpine sample. */
export const alpineBasePackages: AlpinePackage[] = [
  alpinePackage('alpine-baselayout', '3.4.3-r1', 'GPL-2.0-only', ['etc/motd']),
  alpinePackage('alpine-keys', '2.4-r1', 'MIT', ['usr/share/apk/keys/alpine-devel.rsa.pub']),
  alpinePackage('apk-tools', '2.14.0-r2', 'GPL-2.0-only', ['sbin/apk']),
  alpinePackage('busybox', '1.36.1-r0', 'GPL-2.0-only', ['bin/busybox']),
  alpinePackage('ca-certificates-bundle', '20230506-r0', 'MPL-2.0 AND MIT', ['etc/ssl/certs/ca-certificates.crt'], 'ca-certificates'),
  alpinePackage('libcrypto3', '3.1.1-r1', 'Apache-2.0', ['lib/libcrypto.so.3'], 'openssl'),
  alpinePackage('libssl3', '3.1.1-r1', 'Apache-2.0', ['lib/libssl.so.3'], 'openssl'),
  alpinePackage('musl', '1.2.4-r0', 'MIT', ['lib/ld-musl-x86_64.so.1']),
  alpinePackage('ssl_client', '1.36.1-r0', 'GPL-2.0-only', ['usr/bin/ssl_client'], 'busybox'),
  alpinePackage('zlib', '1.2.13-r1', 'Zlib', ['lib/libz.so.1.2.13']),
]

/** The npm sample: lodash and semver stand in two versions each, one of them fixed and one not. */
export const npmPackages: NpmPackage[] = [
  { name: 'axios', version: '0.21.0', nested: [{ name: 'follow-redirects', version: '1.10.0' }] },
  { name: 'express', version: '4.18.2' },
  { name: 'lodash', version: '4.17.20' },
  { name: 'minimist', version: '1.2.5' },
  { name: 'semver', version: '7.3.5', license: 'ISC' },
  {
    name: '@sample/report',
    version: '2.0.0',
    license: 'Apache-2.0',
    nested: [
      { name: 'lodash', version: '4.17.21' },
      { name: 'semver', version: '5.7.1', license: 'ISC' },
    ],
  },
]

/** The Python sample. */
export const pythonPackages: PythonPackage[] = [
  { name: 'Jinja2', version: '3.1.2', license: 'BSD-3-Clause', requires: ['MarkupSafe>=2.0'] },
  { name: 'MarkupSafe', version: '2.1.3', license: 'BSD-3-Clause' },
  { name: 'certifi', version: '2024.7.4', license: 'MPL-2.0' },
  { name: 'charset-normalizer', version: '3.3.2' },
  { name: 'idna', version: '3.7', license: 'BSD-3-Clause' },
  { name: 'requests', version: '2.30.0', license: 'Apache-2.0', requires: ['urllib3<3,>=1.21.1', 'certifi', 'idna', 'charset-normalizer'] },
  { name: 'urllib3', version: '1.26.15' },
]
