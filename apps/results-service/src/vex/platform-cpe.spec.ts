import { describe, expect, it } from 'vitest'
import { isPlatformOf } from './platform-cpe.js'

describe('the platform of an image is named by', () => {
  it.each([
    ['cpe:/o:redhat:enterprise_linux:9::baseos', 'rhel 9.4', true],
    ['cpe:/a:redhat:enterprise_linux:9::appstream', 'rhel 9', true],
    ['cpe:2.3:o:redhat:enterprise_linux:9.4:*:*:*:*:*:*:*', 'rhel 9.4', true],
    ['cpe:2.3:o:oracle:linux:9:3:*:*:*:*:*:*', 'ol 9.3', true],
    ['cpe:2.3:o:debian:debian_linux:12.0:*:*:*:*:*:*:*', 'debian 12.0', true],
    ['cpe:/o:canonical:ubuntu_linux:22.04', 'ubuntu 22.04', true],
    ['cpe:/o:redhat:enterprise_linux:9.2', 'rhel 9.4', false],
    ['cpe:/o:redhat:enterprise_linux:9.4', 'rhel 9', false],
    ['cpe:/o:redhat:enterprise_linux:8::baseos', 'rhel 9.4', false],
    ['cpe:/o:redhat:enterprise_linux:9', 'rhel 90', false],
    ['cpe:/o:redhat:enterprise_linux:9', 'almalinux 9.4', false],
    ['cpe:/o:redhat:rhel_eus:9.2::baseos', 'rhel 9.2', false],
    ['cpe:/o:redhat:enterprise_linux', 'rhel 9.4', false],
    ['cpe:2.3:o:redhat:enterprise_linux:*:*:*:*:*:*:*:*', 'rhel 9.4', false],
    ['cpe:2.3:o:oracle:linux:9:beta:*:*:*:*:*:*', 'ol 9.3', false],
    ['cpe:2.3:h:redhat:enterprise_linux:9:*:*:*:*:*:*:*', 'rhel 9.4', false],
    ['cpe:/o:x:y:9', 'y 9', false],
    ['rhel 9.4', 'rhel 9.4', false],
    ['cpe:/o:redhat:enterprise_linux:9', null, false],
    ['cpe:/o::constructor:9', 'undefined 9', false],
    ['', '', false],
  ])('%s of %s: %s', (cpe, distro, isNamed) => {
    expect(isPlatformOf(cpe, distro)).toBe(isNamed)
  })
})
