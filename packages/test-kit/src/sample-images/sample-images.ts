import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { buildImage, buildIndex, type MediaFamily, type PreparedImage } from '../oci/image.js'
import { buildLayer, type Layer } from '../oci/layer.js'
import { toolPath } from '../paths.js'
import { alpineDatabase, alpineFiles, alpineRelease } from './alpine-packages.js'
import { debianDatabase, debianFiles, debianRelease } from './debian-packages.js'
import { npmApplication, pythonSitePackages } from './language-packages.js'
import { alpineBasePackages, debianApplicationPackages, debianBasePackages, npmPackages, pythonPackages } from './sample-contents.js'

/** The images that every demo and differential test scans. */
export const sampleImageNames = ['debian', 'debian-app', 'alpine', 'npm', 'go', 'python'] as const

/** The name of a sample image; its repository is `sample/<name>`, its tag {@link sampleTag}. */
export type SampleImageName = (typeof sampleImageNames)[number]

/** The tag of all sample images. */
export const sampleTag = '1.0'

/** The images that could be made, and why the others could not. */
export interface SampleImages {
  images: Map<SampleImageName, PreparedImage>
  unavailable: Map<SampleImageName, string>
}

/** Makes one sample image; the same bytes each time, on each machine. */
export async function buildSampleImage(name: SampleImageName, family: MediaFamily = 'oci'): Promise<PreparedImage> {
  return builders[name](family)
}

/** Makes all sample images; the Go one needs the program that tools/ builds. */
export async function buildSampleImages(family: MediaFamily = 'oci'): Promise<SampleImages> {
  const images = new Map<SampleImageName, PreparedImage>()
  const unavailable = new Map<SampleImageName, string>()
  for (const name of sampleImageNames) {
    if (name === 'go' && !existsSync(goProgramPath())) unavailable.set(name, `${goProgramPath()} was not built; it needs Go`)
    else images.set(name, await buildSampleImage(name, family))
  }
  return { images, unavailable }
}

/** One image for linux/amd64 and linux/arm64 under one index, with an attestation entry as build tools add it. */
export async function buildMultiPlatformImage(family: MediaFamily = 'oci'): Promise<PreparedImage> {
  const platforms = [
    { architecture: 'amd64', apk: 'x86_64' },
    { architecture: 'arm64', apk: 'aarch64' },
  ]
  const images = []
  for (const { architecture, apk } of platforms) {
    images.push(buildImage({ layers: [await alpineLayer(apk)], family, platform: { os: 'linux', architecture }, ...alpineRuntime }))
  }
  return buildIndex(images, { family, hasAttestation: family === 'oci' })
}

const alpineRuntime = { config: { Cmd: ['/bin/sh'] }, emptySteps: ['/bin/sh -c #(nop)  CMD ["/bin/sh"]'] }

const builders: Record<SampleImageName, (family: MediaFamily) => Promise<PreparedImage>> = {
  debian: async (family) =>
    buildImage({ family, layers: [await debianBaseLayer()], config: { Cmd: ['bash'] }, emptySteps: ['/bin/sh -c #(nop)  CMD ["bash"]'] }),
  'debian-app': async (family) => {
    const installed = await buildLayer(
      [...debianDatabase([...debianBasePackages, ...debianApplicationPackages].sort(byName)), ...debianFiles(debianApplicationPackages)],
      { createdBy: '/bin/sh -c apt-get update && apt-get install -y curl openssl' },
    )
    const application = await npmLayer('opt/web', 'sample-web')
    return buildImage({
      family,
      layers: [await debianBaseLayer(), installed, application],
      config: {
        Cmd: ['node', '/opt/web/index.js'],
        ExposedPorts: { '8080/tcp': {} },
        Labels: { 'org.opencontainers.image.title': 'Pharos sample web application' },
      },
      emptySteps: ['EXPOSE map[8080/tcp:{}]', 'CMD ["node" "/opt/web/index.js"]'],
    })
  },
  alpine: async (family) => buildImage({ family, layers: [await alpineLayer('x86_64')], ...alpineRuntime }),
  npm: async (family) =>
    buildImage({
      family,
      layers: [await alpineLayer('x86_64'), await npmLayer('app', 'sample-npm')],
      config: { Cmd: ['node', '/app/index.js'], WorkingDir: '/app', User: '1000' },
      emptySteps: ['USER 1000', 'CMD ["node" "/app/index.js"]'],
    }),
  go: async (family) => {
    const program = await readFile(goProgramPath())
    const layer = await buildLayer([{ path: 'app/sample-go-app', content: program, mode: 0o755 }], {
      createdBy: 'COPY sample-go-app /app/ # buildkit',
    })
    return buildImage({
      family,
      layers: [layer],
      config: { Entrypoint: ['/app/sample-go-app'] },
      emptySteps: ['ENTRYPOINT ["/app/sample-go-app"]'],
    })
  },
  python: async (family) => {
    const packages = await buildLayer(pythonSitePackages('usr/local/lib/python3.11/site-packages', pythonPackages), {
      createdBy: 'RUN /bin/sh -c pip install -r requirements.txt # buildkit',
    })
    return buildImage({
      family,
      layers: [await debianBaseLayer(), packages],
      config: { Cmd: ['python3'] },
      emptySteps: ['CMD ["python3"]'],
    })
  },
}

/** The layer that the Debian-based samples share. */
function debianBaseLayer(): Promise<Layer> {
  return buildLayer([...debianRelease(), ...debianDatabase(debianBasePackages), ...debianFiles(debianBasePackages)], {
    createdBy: '/bin/sh -c #(nop) ADD file:debian-bookworm in / ',
  })
}

/** The layer that the Alpine-based samples share. */
export function alpineLayer(architecture: string): Promise<Layer> {
  return buildLayer([...alpineRelease(), ...alpineDatabase(alpineBasePackages, architecture), ...alpineFiles(alpineBasePackages)], {
    createdBy: '/bin/sh -c #(nop) ADD file:alpine-minirootfs-3.18.0 in / ',
  })
}

function npmLayer(directory: string, name: string): Promise<Layer> {
  return buildLayer(npmApplication(directory, name, npmPackages), { createdBy: 'RUN /bin/sh -c npm ci # buildkit' })
}

function goProgramPath(): string {
  return toolPath('sample-go-app')
}

function byName(left: { name: string }, right: { name: string }): number {
  return left.name < right.name ? -1 : 1
}
