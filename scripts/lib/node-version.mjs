// Imported first by every script: it stops with one clear line where Node is too old for all the rest.
const needed = [20, 19]
const [major, minor] = process.versions.node.split('.').map(Number)
if (major < needed[0] || (major === needed[0] && minor < needed[1])) {
  console.error(`Pharos needs Node ${needed.join('.')} or newer; this is ${process.versions.node}. Get it from https://nodejs.org/`)
  process.exit(1)
}
