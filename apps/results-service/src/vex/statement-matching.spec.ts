import { describe, expect, it } from 'vitest'
import { ImageIdentity } from './image-identity.js'
import { parsePurl } from './purl.js'
import { StatementScope } from './statement-matching.js'

const hex = 'a'.repeat(64)
const digest = `sha256:${hex}`
const index = `sha256:${'b'.repeat(64)}`
const image = new ImageIdentity({
  digests: [digest, index],
  platform: 'linux/amd64',
  distro: 'debian 12',
  repositories: [
    { name: 'registry.example:5000/team-a/shop', tags: ['v1', 'latest'] },
    { name: 'docker.io/library/alpine', tags: ['3.18'] },
    { name: 'ghcr.io/team/Shop', tags: [] },
  ],
})

describe('an image is meant by', () => {
  it.each([
    ['registry.example:5000/team-a/shop:v1', true],
    ['registry.example:5000/team-a/shop:v2', false],
    ['registry.example:5000/team-a/shop', false],
    ['registry.example:5000/team-a/shop:latest', true],
    ['alpine:3.18', true],
    ['library/alpine:3.18', true],
    ['index.docker.io/library/alpine:3.18', true],
    ['quay.io/alpine:3.18', false],
    [`registry.example:5000/team-a/shop@${digest}`, true],
    [`registry.example:5000/team-a/shop@${index}`, true],
    [`registry.example:5000/team-a/blog@${digest}`, false],
    [`registry.example:5000/team-a/shop@sha256:${'c'.repeat(64)}`, false],
    [digest, true],
    [hex, true],
    ['c'.repeat(64), false],
    [`pkg:oci/shop@${digest}`, true],
    [`pkg:oci/shop@sha256%3A${hex}`, true],
    [`pkg:oci/blog@${digest}`, false],
    [`pkg:oci/shop@${digest}?repository_url=registry.example:5000/team-a/shop`, true],
    [`pkg:oci/shop@${digest}?repository_url=registry.example:5000/team-a`, true],
    [`pkg:oci/shop@${digest}?repository_url=registry.example:5000/team-b/shop`, false],
    [`pkg:oci/shop@${digest}?repository_url=ghcr.io/team/Shop`, true],
    [`pkg:oci/alpine@${digest}?repository_url=docker.io/library/alpine`, true],
    [`pkg:oci/alpine@${digest}?repository_url=index.docker.io/library/alpine`, true],
    [`pkg:oci/alpine@${digest}?repository_url=docker.io/alpine`, true],
    [`pkg:oci/alpine@${digest}?repository_url=docker.io/library`, true],
    ['pkg:oci/shop?tag=v1', true],
    ['pkg:oci/shop?tag=v2', false],
    ['pkg:oci/alpine?tag=v1', false],
    ['pkg:oci/shop?tag=v1&repository_url=registry.example:5000/team-a/shop', true],
    [`pkg:oci/shop@${digest}?arch=amd64`, true],
    [`pkg:oci/shop@${digest}?arch=arm64`, false],
    [`pkg:oci/shop@${digest}?flavour=sweet`, false],
    ['pkg:docker/alpine@3.18', true],
    ['pkg:docker/library/alpine@3.18', true],
    ['pkg:docker/other/alpine@3.18', false],
    ['pkg:deb/debian/shop', false],
    ['https://registry.example:5000/team-a/shop:v1', false],
    ['urn:uuid:c1', false],
    ['', false],
    ['shop', false],
  ])('%s: %s', (id, isMeant) => {
    expect(image.isMeantBy(id)).toBe(isMeant)
  })
})

describe('a statement is about', () => {
  const found = parsePurl('pkg:deb/debian/tar@1.34?arch=amd64&distro=debian-12')
  it.each([
    ['a package of an image', [{ ids: [digest], subcomponents: ['pkg:deb/debian/tar'] }], true],
    ['another package of it', [{ ids: [digest], subcomponents: ['pkg:deb/debian/gzip'] }], false],
    ['the package in another image', [{ ids: ['c'.repeat(64)], subcomponents: ['pkg:deb/debian/tar'] }], false],
    ['all of the image', [{ ids: [digest], subcomponents: [] }], true],
    ['parts of it that are no packages', [{ ids: [digest], subcomponents: ['libtar'] }], false],
    ['the package wherever it is', [{ ids: ['pkg:deb/debian/tar@1.34'], subcomponents: [] }], true],
    ['a version of it', [{ ids: ['pkg:deb/debian/tar@1.35'], subcomponents: [] }], false],
    [
      'one of several products',
      [
        { ids: ['x'], subcomponents: [] },
        { ids: ['y', digest], subcomponents: ['z', 'pkg:deb/debian/tar?arch=amd64'] },
      ],
      true,
    ],
    ['a package of its distribution', [{ ids: ['cpe:/o:debian:debian_linux:12'], subcomponents: ['pkg:deb/debian/tar'] }], true],
    ['a package of another distribution', [{ ids: ['cpe:/o:debian:debian_linux:11'], subcomponents: ['pkg:deb/debian/tar'] }], false],
    ['a distribution and none of its packages', [{ ids: ['cpe:/o:debian:debian_linux:12'], subcomponents: [] }], false],
    ['nothing', [], false],
  ])('%s', (_sentence, products, isIncluded) => {
    expect(new StatementScope(products).includes(image, found)).toBe(isIncluded)
  })

  it('a package without a purl only where it is about the whole image', () => {
    expect(new StatementScope([{ ids: [digest], subcomponents: [] }]).includes(image, null)).toBe(true)
    expect(new StatementScope([{ ids: [digest], subcomponents: ['pkg:deb/debian/tar'] }]).includes(image, null)).toBe(false)
  })
})
