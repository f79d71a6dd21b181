import type { Canary, CanaryExpectation } from '@pharos/contracts'

const debian12 = { type: 'debian', version: '12', codename: 'bookworm' }
const ubuntu2204 = { type: 'ubuntu', version: '22.04', codename: 'jammy' }
const alpine318 = { type: 'alpine', version: '3.18.2' }

/** A match unit as tools/internal/engine/units writes it. */
function unit(fields: Readonly<Record<string, unknown>>): CanaryExpectation['input'] {
  return { v: 1, package: fields }
}

/**
 * Old packages whose vulnerabilities are as well known as any, one of each feed that a database of Anchore's is made of and each way to
 * match: by a distribution's source package, by an apk's origin, by language, by Maven's names, by CPE.
 */
export const builtInCanary: Canary = {
  expectations: [
    {
      package: 'libc6',
      version: '2.36-9+deb12u1',
      input: unit({ type: 'deb', name: 'libc6', version: '2.36-9+deb12u1', distro: debian12, upstreams: [{ name: 'glibc' }] }),
      nativeId: 'CVE-2023-4911',
      namespace: 'debian:distro:debian:12',
    },
    {
      package: 'libc6',
      version: '2.35-0ubuntu3.1',
      input: unit({ type: 'deb', name: 'libc6', version: '2.35-0ubuntu3.1', distro: ubuntu2204, upstreams: [{ name: 'glibc' }] }),
      nativeId: 'CVE-2023-4911',
      namespace: 'ubuntu:distro:ubuntu:22.04',
    },
    {
      package: 'libcrypto3',
      version: '3.1.1-r1',
      input: unit({
        type: 'apk',
        name: 'libcrypto3',
        version: '3.1.1-r1',
        distro: alpine318,
        cpes: [['a', 'openssl', 'libcrypto3', '3.1.1-r1']],
        upstreams: [{ name: 'openssl' }],
        metadata: { kind: 'apk', arch: 'x86_64' },
      }),
      nativeId: 'CVE-2023-5363',
      namespace: 'alpine:distro:alpine:3.18',
    },
    {
      package: 'lodash',
      version: '4.17.20',
      input: unit({ type: 'npm', name: 'lodash', version: '4.17.20', language: 'javascript' }),
      nativeId: 'GHSA-35jh-r3h4-6jhm',
      namespace: 'github:language:javascript',
    },
    {
      package: 'requests',
      version: '2.30.0',
      input: unit({ type: 'python', name: 'requests', version: '2.30.0', language: 'python' }),
      nativeId: 'GHSA-j8r2-6x86-q33q',
      namespace: 'github:language:python',
    },
    {
      package: 'golang.org/x/net',
      version: 'v0.16.0',
      input: unit({ type: 'go-module', name: 'golang.org/x/net', version: 'v0.16.0', language: 'go' }),
      nativeId: 'GHSA-4374-p667-p6c8',
      namespace: 'github:language:go',
    },
    {
      package: 'log4j-core',
      version: '2.14.1',
      input: unit({
        type: 'java-archive',
        name: 'log4j-core',
        version: '2.14.1',
        language: 'java',
        purl: 'pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1',
        metadata: { kind: 'java', java: { artifactId: 'log4j-core', groupId: 'org.apache.logging.log4j' } },
      }),
      nativeId: 'GHSA-jfh8-c2jp-5v3q',
      namespace: 'github:language:java',
    },
    {
      package: 'log4j by CPE',
      version: '2.14.1',
      input: unit({ type: 'binary', name: 'log4j', version: '2.14.1', cpes: [['a', 'apache', 'log4j', '2.14.1']] }),
      nativeId: 'CVE-2021-44228',
      namespace: 'nvd:cpe',
    },
  ],
}
