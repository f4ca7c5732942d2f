// Opens a public link with megajs and writes the file's content. Arguments: gateway URL, link.
import { File, API } from 'megajs'
const [url, link] = process.argv.slice(2)
const file = File.fromURL(link)
file.api = new API(false, { gateway: url + '/' })
await file.loadAttributes()
process.stdout.write(await file.downloadBuffer())
