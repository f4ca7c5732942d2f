// One piece of work with megajs, for `benches/compare`: megajs.mjs WORK URL EMAIL PASSWORD PATH CONNECTIONS.
// Many files go sixteen at a time, which megajs does not do by itself.
import { Storage } from 'megajs'
import { createReadStream, createWriteStream, readdirSync, readFileSync, mkdirSync, statSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { join, basename } from 'node:path'

const [work, url, email, password, path, connections] = process.argv.slice(2)
const maxConnections = Number(connections)
const storage = new Storage({ email, password, gateway: url + '/', autologin: false, keepalive: false, userAgent: null })
await storage.login()
const child = (folder, name) => {
  const found = folder.children.find(f => f.name === name)
  if (!found) throw new Error(`${name} is not there`)
  return found
}
async function sixteenAtATime (jobs) {
  const next = jobs[Symbol.iterator]()
  await Promise.all(Array.from({ length: 16 }, async () => {
    for (const job of next) await job()
  }))
}
if (work === 'up') {
  const size = statSync(path).size
  const upload = storage.upload({ name: basename(path), size, maxConnections })
  createReadStream(path, { highWaterMark: 1 << 20 }).pipe(upload)
  await upload.complete
} else if (work === 'down') {
  await pipeline(child(storage.root, 'large').download({ maxConnections }), createWriteStream(path))
} else if (work === 'many-up') {
  const top = await storage.mkdir('small')
  const jobs = []
  for (const name of readdirSync(path)) {
    const folder = await top.mkdir(name)
    for (const file of readdirSync(join(path, name))) {
      jobs.push(() => {
        const content = readFileSync(join(path, name, file))
        return folder.upload({ name: file, size: content.length }, content).complete
      })
    }
  }
  await sixteenAtATime(jobs)
} else if (work === 'many-down') {
  const jobs = []
  for (const folder of child(storage.root, 'small').children) {
    mkdirSync(join(path, folder.name), { recursive: true })
    for (const file of folder.children) {
      jobs.push(async () => writeFile(join(path, folder.name, file.name), await file.downloadBuffer({ maxConnections: 1 })))
    }
  }
  await sixteenAtATime(jobs)
} else if (work !== 'tree') {
  throw new Error(`${work} is no work`)
}
process.exit(0)
