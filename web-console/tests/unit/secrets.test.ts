import { http, HttpResponse } from 'msw'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'

import type { Approval, ProjectEnvironment } from '@/api/types'
import Inbox from '@/views/Inbox.vue'
import Project from '@/views/Project.vue'
import { projects, uuid } from '../fixtures/data'
import { environmentKeeper, environments, someDatabase, someEnvironment, someSecret } from '../fixtures/secrets'
import { open, staff, type Screen } from './mount'
import { server } from './server'

let screen: Screen | undefined

beforeEach(() => {
  vi.stubGlobal('visualViewport', new EventTarget())
})

afterEach(() => {
  screen?.wrapper.unmount()
  screen = undefined
  document.body.replaceChildren()
})

/** Shows a request; answers what is sent about it. */
function shows(asked: Approval): unknown[] {
  const sent: unknown[] = []
  let now = asked
  server.use(
    http.get(staff('projects'), () => HttpResponse.json({ items: [] })),
    http.get(staff('approvals'), () => HttpResponse.json({ items: [now], open: 1 })),
    http.get(staff(`approvals/${asked.id}`), () => HttpResponse.json(now)),
    http.post(staff(`approvals/${asked.id}/decision`), async ({ request }) => {
      sent.push(await request.json())
      now = { ...asked, state: 'approved', decided_by: 'olga' }
      return HttpResponse.json(now)
    }),
  )
  return sent
}

it('says where a secret goes, how its value is come by, and what is there already', async () => {
  const asked = someSecret({ may_decide: false }, { on_github: true, synced_before: true, environment_kind: 'production' }, { risk: 'high' })
  shows(asked)
  screen = await open(Inbox, `/inbox/${asked.id}`, '/inbox/:id?')
  const text = await screen.until((shown) => shown.includes('What will be put into staging'))
  for (const words of ['Put the secret SESSION_KEY into staging', 'in production', 'it is replaced', 'shop-env-staging/shop-web', 'exactly this secret there before', 'The platform makes the value up.', 'High risk: people use it']) {
    expect(text).toContain(words)
  }
  expect(text).not.toContain('All other labels')
})

it('asks who approves for a value only where the request wants one, and sends it once', async () => {
  const asked = someSecret({}, { policy: 'provided' })
  const sent = shows(asked)
  screen = await open(Inbox, `/inbox/${asked.id}`, '/inbox/:id?')
  await screen.until((shown) => shown.includes('Your decision'))
  expect(screen.wrapper.find('[data-secret]').exists()).toBe(false)
  await screen.wrapper.findAll('input[type=radio]')[0]?.setValue()
  const field = screen.wrapper.get('[data-secret]')
  expect(field.classes()).toContain('masked')
  await screen.wrapper.get('form.form').trigger('submit')
  await screen.until((shown) => shown.includes('Type the value of the secret.'))
  await field.setValue(' hunter22 ')
  await screen.wrapper.get('form.form').trigger('submit')
  const sure = await screen.until((shown) => shown.includes('Approve exactly this?'))
  expect(sure).toContain('The value that you have typed goes to both places')
  expect(document.body.innerHTML).not.toContain('hunter22')
  await screen.wrapper.get('.sure button').trigger('click')
  await screen.until((shown) => shown.includes('olga approved it'))
  expect(sent).toEqual([{ decision: 'approve', digest: asked.action?.digest, value: ' hunter22 ' }])
})

it('keeps the lines of a pasted key, is left by Escape only as a field, and asks by Ctrl+Enter', async () => {
  const asked = someSecret({}, { policy: 'provided' })
  const sent = shows(asked)
  screen = await open(Inbox, `/inbox/${asked.id}`, '/inbox/:id?')
  await screen.until((shown) => shown.includes('Your decision'))
  await screen.wrapper.findAll('input[type=radio]')[0]?.setValue()
  const field = screen.wrapper.get<HTMLTextAreaElement>('[data-secret]')
  const key = `-----BEGIN KEY-----\n${'a'.repeat(33_000)}\n-----END KEY-----\n`
  await field.setValue(key)
  field.element.focus()
  await field.trigger('keydown', { key: 'Escape' })
  expect(document.activeElement).toBe(document.body)
  expect(screen.router.currentRoute.value.path).toBe(`/inbox/${asked.id}`)
  expect(field.element.value).toBe(key)
  await field.trigger('keydown', { key: 'Enter', ctrlKey: true })
  await screen.until((shown) => shown.includes('Approve exactly this?'))
  await screen.wrapper.get('.sure button').trigger('click')
  await screen.until((shown) => shown.includes('olga approved it'))
  expect(sent).toEqual([{ decision: 'approve', digest: asked.action?.digest, value: key }])
})

it('says at the field what the platform does not take', async () => {
  const asked = someSecret({}, { policy: 'provided' })
  shows(asked)
  server.use(http.post(staff(`approvals/${asked.id}/decision`), () =>
    HttpResponse.json({ type: '', title: '', status: 422, code: 'invalid_request', fields: [{ field: '/value', message: 'it is longer than 32768' }] }, { status: 422 })))
  screen = await open(Inbox, `/inbox/${asked.id}`, '/inbox/:id?')
  await screen.until((shown) => shown.includes('Your decision'))
  await screen.wrapper.findAll('input[type=radio]')[0]?.setValue()
  await screen.wrapper.get('[data-secret]').setValue('long')
  await screen.wrapper.get('form.form').trigger('submit')
  await screen.until((shown) => shown.includes('Approve exactly this?'))
  await screen.wrapper.get('.sure button').trigger('click')
  await screen.until(() => screen?.wrapper.find('[data-secret][aria-invalid=true]').exists() === true)
  expect(screen.wrapper.get<HTMLTextAreaElement>('[data-secret]').element.value).toBe('long')
})

it('approves without a value what wants none, and denies without one what does', async () => {
  const asked = someSecret()
  const sent = shows(asked)
  screen = await open(Inbox, `/inbox/${asked.id}`, '/inbox/:id?')
  await screen.until((shown) => shown.includes('Your decision'))
  await screen.wrapper.findAll('input[type=radio]')[0]?.setValue()
  expect(screen.wrapper.find('[data-secret]').exists()).toBe(false)
  await screen.wrapper.get('form.form').trigger('submit')
  await screen.until((shown) => shown.includes('Approve exactly this?'))
  await screen.wrapper.get('.sure button').trigger('click')
  await screen.until((shown) => shown.includes('olga approved it'))
  expect(sent).toEqual([{ decision: 'approve', digest: asked.action?.digest }])
})

it.each([
  ['create', 'Make the database import for staging', 'Medium risk: it takes room'],
  ['delete', 'Delete the database import of staging', 'High risk: it does not come back'],
] as const)('says which database it would %s, and where its connection lies', async (action, name, risk) => {
  const asked = someDatabase({}, { action }, { risk: action === 'delete' ? 'high' : 'medium' })
  shows(asked)
  screen = await open(Inbox, `/inbox/${asked.id}`, '/inbox/:id?')
  const text = await screen.until((shown) => shown.includes('shop-env-staging/database-import'))
  for (const words of [name, risk, 'Nobody is shown the password.']) expect(text).toContain(words)
  expect(screen.wrapper.find('[data-secret]').exists()).toBe(false)
})

const PROJECT = uuid(10)

function hasEnvironments(those: readonly ProjectEnvironment[], role = 'admin') {
  const keeper = environmentKeeper(those)
  server.use(
    http.get(staff(`projects/${PROJECT}`), () => HttpResponse.json({ ...projects[0], id: PROJECT, my_role: role })),
    http.get(staff(`projects/${PROJECT}/environments`), () => HttpResponse.json({ items: keeper.list() })),
    http.post(staff(`projects/${PROJECT}/environments`), async ({ request }) => {
      const added = keeper.add(JSON.parse(await request.text()))
      const fields = [{ field: '/name', code: 'environment_exists', message: 'taken' }]
      const taken = { type: 'about:blank', title: 'taken', status: 409, code: 'environment_exists', fields }
      return added === undefined ? HttpResponse.json(taken, { status: 409 }) : HttpResponse.json(added, { status: 201 })
    }),
    http.delete(staff('environments/:id'), ({ params }) => {
      keeper.remove(String(params['id']))
      return new HttpResponse(null, { status: 204 })
    }),
  )
}

const at = `/projects/${PROJECT}/environments`
const PATTERN = '/projects/:id/:tab?'

it('lists environments with what agents may prepare there, and lets only admins change them', async () => {
  hasEnvironments(environments, 'read_write')
  screen = await open(Project, at, PATTERN)
  const text = await screen.until((shown) => shown.includes('shop-env-staging'))
  for (const words of ['production', 'never by agents', 'guarded: admins approve every change', 'agents may ask']) expect(text).toContain(words)
  expect(screen.wrapper.findAll('table button')).toEqual([])
})

it('teaches the first step, takes a new environment, and shows a fault at its field', async () => {
  hasEnvironments([])
  screen = await open(Project, at, PATTERN)
  await screen.until((shown) => shown.includes('No environment yet'))
  async function add(name: string): Promise<void> {
    await screen?.wrapper.get('section button').trigger('click')
    await screen?.until(() => document.querySelector('.v-dialog input[type=text]') !== null)
    const field = document.querySelector<HTMLInputElement>('.v-dialog input[type=text]')
    if (field === null) throw new Error('no field')
    field.value = name
    field.dispatchEvent(new Event('input', { bubbles: true }))
    document.querySelector('.v-dialog form')?.dispatchEvent(new Event('submit', { bubbles: true, cancelable: true }))
  }
  await add('Staging')
  await screen.until((shown) => shown.includes('shop-env-staging'))
  await add('staging')
  await screen.until((shown) => shown.includes('The project has an environment of this name.'))
})

function submit(): void {
  document.querySelector('.v-dialog form')?.dispatchEvent(new Event('submit', { bubbles: true, cancelable: true }))
}

it('takes the newest copy into the form when somebody else was quicker', async () => {
  const [first = someEnvironment()] = environments.slice(1, 2)
  hasEnvironments([first])
  const newest = { ...first, allows_secrets: false, version: first.version + 1 }
  const quotes: (string | null)[] = []
  server.use(http.put(staff('environments/:id'), ({ request }) => {
    const quoted = request.headers.get('if-match')
    quotes.push(quoted)
    server.use(http.get(staff(`projects/${PROJECT}/environments`), () => HttpResponse.json({ items: [newest] })))
    const late = { type: 'about:blank', title: '', status: 412, code: 'version_changed' }
    return quoted === `"${newest.version}"` ? HttpResponse.json(newest) : HttpResponse.json(late, { status: 412 })
  }))
  screen = await open(Project, at, PATTERN)
  await screen.until((shown) => shown.includes('shop-env-staging'))
  await screen.wrapper.findAll('table button')[0]?.trigger('click')
  await screen.until(() => document.querySelector('.v-dialog form') !== null)
  submit()
  await screen.until((shown) => shown.includes('Read it again before you save'))
  const again = [...document.querySelectorAll<HTMLElement>('.v-dialog button')].find((one) => one.textContent?.trim() === 'Read it again')
  again?.click()
  await screen.until((shown) => !shown.includes('before you save'))
  expect(document.querySelector<HTMLInputElement>('.v-dialog input[type=checkbox]')?.checked).toBe(false)
  submit()
  await vi.waitUntil(() => quotes.length === 2, { timeout: 4000 })
  expect(quotes).toEqual(['"3"', '"4"'])
})

it('removes an environment after it was confirmed', async () => {
  hasEnvironments(environments.slice(1, 2))
  screen = await open(Project, at, PATTERN)
  await screen.until((shown) => shown.includes('shop-env-staging'))
  await screen.wrapper.findAll('table button')[1]?.trigger('click')
  await screen.until((shown) => shown.includes('Remove the environment?') && shown.includes('stay.'))
  document.querySelector('.v-dialog form')?.dispatchEvent(new Event('submit', { bubbles: true, cancelable: true }))
  await screen.until((shown) => shown.includes('No environment yet'))
})
