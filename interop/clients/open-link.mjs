// Opens a public link with megajs. Arguments: gateway URL, link, and for the link of a folder the name of a file in it. Writes the
// file's content, or with `.` for the name that of the folder.
import { File, API } from 'megajs'
const [url, link, name] = process.argv.slice(2)
const shared = File.fromURL(link)
shared.api = new API(false, { gateway: url + '/' })
await shared.loadAttributes()
if (name === '.') {
  process.stdout.write(shared.name)
} else {
  const file = name === undefined ? shared : shared.children.find(f => f.name === name)
  if (!file) throw new Error(`${name} is not among ${shared.children.map(f => f.name)}`)
  file.api = shared.api
  process.stdout.write(await file.downloadBuffer())
}
