import { describe, expect, it } from 'vitest'
import { observedImageOf, platformOf } from './running-image.js'

const digest = `sha256:${'a'.repeat(64)}`
const pinned = `sha256:${'b'.repeat(64)}`
const nginx = 'docker.io/library/nginx'

describe('what a container runs', () => {
  it.each([
    ['containerd: an index or manifest digest in a repository', 'nginx:1', `${nginx}@${digest}`, digest, nginx, `${nginx}@${digest}`],
    ['dockershim', 'nginx:1', `docker-pullable://nginx@${digest}`, digest, nginx, `${nginx}@${digest}`],
    ['a configuration digest with a scheme', 'nginx:1', `docker://${digest}`, digest, nginx, 'nginx:1'],
    ['a configuration digest alone', 'nginx:1', digest, digest, nginx, 'nginx:1'],
    ['nothing yet', 'nginx:1', undefined, '', nginx, 'nginx:1'],
    ['nothing yet, of a pinned image', `nginx:1@${pinned}`, '', pinned, nginx, `nginx:1@${pinned}`],
    [
      'another name of the image than the pod uses',
      'team/web:v1',
      `mirror.example/web@${digest}`,
      digest,
      'docker.io/team/web',
      `mirror.example/web@${digest}`,
    ],
    ['an image named by its digest', digest, `registry.example/a@${digest}`, digest, 'registry.example/a', `registry.example/a@${digest}`],
    ['an image named by its digest that has no other name', digest, digest, digest, '', null],
    ['something that nobody can read', 'Not A Reference', 'cri-o://???', '', '', null],
  ])('%s', (_case, reference, imageId, found, repository, pullable) => {
    expect(observedImageOf(reference, imageId)).toEqual({ reference, digest: found, repository, pullable })
  })

  it('runs on the platform of its node', () => {
    expect(platformOf(undefined)).toBe('linux/amd64')
    expect(platformOf('linux/aarch64/v8')).toBe('linux/arm64')
    expect(() => platformOf('linux')).toThrow(expect.objectContaining({ code: 'platform-invalid' }))
  })
})
