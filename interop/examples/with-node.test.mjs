// How a client's test suite in JavaScript uses mega-testserver: nothing but Node.
//
//     MEGA_TESTSERVER=path/to/mega-testserver node --test interop/examples/with-node.test.mjs
//
// `call` and `signIn` stand for the client under test; megajs takes the address as `gateway: url + '/'`.
import { after, afterEach, before, test } from 'node:test'
import assert from 'node:assert/strict'
import { pbkdf2Sync } from 'node:crypto'
import { once } from 'node:events'
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

let server, url
let session = ''
let id = 0

before(async () => {
  const program = process.env.MEGA_TESTSERVER || 'mega-testserver'
  // It ends with its standard input, and so with this process, whatever ends that.
  const args = ['--with-stdin', '--account', 'me@example.com:password:nokeys']
  server = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const [line] = await once(createInterface(server.stdout), 'line')
  url = JSON.parse(line).url
  await signIn('me@example.com', 'password')
})
after(async () => {
  const gone = once(server, 'exit')
  server.stdin.end()
  await gone
})
afterEach(() => tell('faults'))

const tell = (path, text = '') => fetch(`${url}/test/${path}`, { method: 'POST', body: text })
const journal = async () => (await fetch(`${url}/test/journal`)).json()

async function call (command) {
  const reply = await fetch(`${url}/cs?id=${++id}${session}`, { method: 'POST', body: JSON.stringify([command]) })
  if (reply.status !== 200) throw new Error(`status ${reply.status}`)
  const answer = await reply.json()
  return Array.isArray(answer) ? answer[0] : answer
}

async function signIn (user, password) {
  const { s } = await call({ a: 'us0', user })
  const key = pbkdf2Sync(password, Buffer.from(s, 'base64url'), 100000, 32, 'sha512')
  // An account without RSA keys gets its session id in clear.
  session = '&sid=' + (await call({ a: 'us', user, uh: key.subarray(16).toString('base64url') })).tsid
}

test('a file comes back as it went', async () => {
  const content = Buffer.from('hello')
  const { p } = await call({ a: 'u', s: content.length })
  const token = await (await fetch(`${p}/0`, { method: 'POST', body: content })).text()
  const root = (await call({ a: 'f', c: 1 })).f.find(n => n.t === 2).h
  const { f } = await call({ a: 'p', t: root, n: [{ h: token, t: 0, a: 'AAAA', k: 'A'.repeat(43) }] })
  const { g } = await call({ a: 'g', g: 1, n: f[0].h })
  assert.equal(await (await fetch(`${g}/0-4`)).text(), 'hello')

  // One byte wrong, once.
  await tell('faults', 'download=file:1')
  assert.notEqual(await (await fetch(g)).text(), 'hello')
  assert.equal(await (await fetch(g)).text(), 'hello')
})

test('a busy server is told apart from a broken one', async () => {
  await tell('faults', 'ug=batch:-3\nug=503+1')
  assert.equal(await call({ a: 'ug' }), -3)
  await assert.rejects(call({ a: 'ug' }), /503/)
  assert.equal((await call({ a: 'ug' })).email, 'me@example.com')
  const faults = (await journal()).flatMap(entry => entry.faults)
  assert.ok(faults.includes('Batch(-3)'), String(faults))
})

test('what another client of the account does meanwhile is there too', async () => {
  const change = { change: 'file', email: 'me@example.com', path: '/photos/cat.jpg', text: 'meow' }
  const [[made]] = await (await tell('change', JSON.stringify(change))).json()
  assert.equal((await call({ a: 'f', c: 1 })).f.find(n => n.h === made).s, 4)
})
