import { http, HttpResponse } from 'msw'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'

import { changes } from '@/components/agent/words'
import Agent from '@/views/Agent.vue'
import Inbox from '@/views/Inbox.vue'
import Project from '@/views/Project.vue'
import { someAction } from '../fixtures/actions'
import { agentKeeper, dev } from '../fixtures/agents'
import { projects, uuid } from '../fixtures/data'
import { relaxable, tools } from '../fixtures/tools'
import { open, staff, type Screen } from './mount'
import { ORIGIN, server } from './server'

const PROJECT = uuid(10)
const OWN = uuid(700)
const ROLE = uuid(712)

const field = (at: string, code: string, what: string) => ({ field: `/policy/${at}`, code, message: 'in English', what })
const facts = (...pairs: [string, string][]) => pairs.map(([name, text]) => ({ name, text }))

let screen: Screen | undefined

beforeEach(() => {
  vi.stubGlobal('visualViewport', new EventTarget())
})

afterEach(() => {
  screen?.wrapper.unmount()
  screen = undefined
  document.body.replaceChildren()
  vi.unstubAllGlobals()
})

interface Call {
  method: string
  path: string
  ifMatch: string | null
  body: unknown
}

/** A platform with agents; answers what was written to it. */
function platform({ mayEdit = true, refuse }: { mayEdit?: boolean; refuse?: object } = {}): Call[] {
  const keeper = agentKeeper(mayEdit)
  const written: Call[] = []
  const answer = async ({ request }: { request: Request }): Promise<HttpResponse<object>> => {
    const path = new URL(request.url).pathname.replace('/api/v1/staff/', '')
    const text = await request.text()
    const body: object = text === '' ? {} : JSON.parse(text)
    if (request.method !== 'GET') {
      written.push({ method: request.method, path, ifMatch: request.headers.get('if-match'), body })
      if (refuse !== undefined) return HttpResponse.json(refuse, { status: 422 })
    }
    const { status, body: told } = keeper({ method: request.method, path, ifMatch: request.headers.get('if-match') ?? '', body })
    return status === 204 ? new HttpResponse<object>(null, { status }) : HttpResponse.json(told, { status })
  }
  server.use(
    http.get(staff(`projects/${PROJECT}`), () => HttpResponse.json(projects[0])),
    http.get(staff('tools'), () => HttpResponse.json({ items: [...tools, relaxable] })),
    http.all(`${ORIGIN}/api/v1/staff/projects/:id/agents`, answer),
    http.all(`${ORIGIN}/api/v1/staff/agents/*`, answer),
  )
  return written
}

const page = (id: string, locale: 'en' | 'ru' = 'en'): Promise<Screen> => open(Agent, `/projects/${PROJECT}/agents/${id}`, '/projects/:id/agents/:agent', locale)

function row(tool: string) {
  const found = screen?.wrapper.findAll('.entry[role=group]').find((one) => one.find('code').text() === tool)
  if (found === undefined) throw new Error(`no ${tool}`)
  return found
}

async function save(reason: string): Promise<void> {
  await screen?.wrapper.findAll('form textarea').filter((one) => !one.classes('v-textarea__sizer')).at(-1)?.setValue(reason)
  await screen?.wrapper.get('form').trigger('submit')
}

it('lists who acts in a project, whose each is, and what each lacks', async () => {
  platform()
  screen = await open(Project, `/projects/${PROJECT}/agents`, '/projects/:id/:tab?')
  const text = await screen.until((shown) => shown.includes('Writes what a reader of the shop needs.'))
  const own = screen.wrapper.findAll('tbody tr').find((one) => one.text().startsWith('dev'))?.text() ?? ''
  expect(own).toContain('this project')
  expect(own).toContain('without github_comment_add')
  expect(own).toContain('look, read logs')
  expect(text).toContain('the platform')
  expect(screen.wrapper.findAll('tbody tr')).toHaveLength(8)
})

it('turns a tool off and says who approves, and keeps the rest as it was', async () => {
  const written = platform()
  screen = await page(OWN)
  await screen.until((shown) => shown.includes('k8s_apply'))
  await row('owner_feedback_request').get('input').setValue(false)
  await row('k8s_apply').get('select').setValue('none')
  await row('github_labels_add').get('select').setValue('delegated')
  await save('')
  await screen.until((shown) => shown.includes('At least three characters'))
  expect(written).toEqual([])
  await save('It asks too much')
  await screen.until((shown) => shown.includes('Version 4'))
  const policy = { ...dev, tools_off: ['github_comment_add', 'owner_feedback_request'], tool_modes: { github_labels_add: 'delegated', k8s_apply: 'none' } }
  expect(written).toEqual([{ method: 'PUT', path: `agents/${OWN}/policy`, ifMatch: '"3"', body: { policy, reason: 'It asks too much' } }])
})

it('offers what a tool allows, and lets nobody take away what every agent has', async () => {
  platform()
  screen = await page(OWN)
  await screen.until((shown) => shown.includes('k8s_apply'))
  const offered = (tool: string): string[] => row(tool).findAll('option').map((one) => one.text())
  expect(offered('github_labels_add')).toEqual(['As usual: by what it would do', 'whoever may start runs', 'an admin of the project'])
  expect(offered('k8s_apply')).toEqual(['As usual: whoever may start runs', 'nobody', 'whoever may start runs', 'an admin of the project'])
  expect(row('github_issue_get').find('select').exists()).toBe(false)
  expect(row('run_context_get').get('input').attributes('disabled')).toBeDefined()
  expect(row('run_context_get').text()).toContain('Every agent has it')
  expect(row('github_comment_add').get<HTMLInputElement>('input').element.checked).toBe(false)
})

it('gives the project an agent of its own in the place of a role, unless every project is meant', async () => {
  const written = platform()
  screen = await page(ROLE)
  await screen.until((shown) => shown.includes('A role of the platform'))
  await row('github_comment_add').get('input').setValue(false)
  await save('Only here')
  await screen.until(() => written.length > 0)
  expect(written[0]).toMatchObject({ method: 'POST', path: `projects/${PROJECT}/agents`, body: { name: 'pm', reason: 'Only here', policy: { tools_off: ['github_comment_add'] } } })
  await screen.until(() => screen?.router.currentRoute.value.params['agent'] === uuid(750))
})

it('shows a fault at the tool that it is about', async () => {
  platform({
    refuse: {
      type: 'about:blank', title: 'The policy cannot be used as it is', status: 422, code: 'policy_refused',
      fields: [field('tool_modes/k8s_apply', 'mode_below_floor', 'k8s_apply'), field('tools_off/0', 'tool_always_had', 'github_issue_get'), field('tools_off/1', 'unknown_tool', 'shell')],
    },
  })
  screen = await page(OWN)
  await screen.until((shown) => shown.includes('k8s_apply'))
  await row('github_issue_get').get('input').setValue(false)
  await save('Try it')
  await screen.until((shown) => shown.includes('The policy cannot be used as it is'))
  expect(row('k8s_apply').get('[role=alert]').text()).toContain('less than k8s_apply needs')
  expect(row('github_issue_get').get('[role=alert]').text()).toContain('Leave it on')
  // What has no row of its own stands at the foot.
  expect(screen.wrapper.get('.form-error').text()).toContain('There is no tool shell.')
  expect(screen.wrapper.get('.form-error').text()).not.toContain('Leave it on')
})

it('tells versions apart, and goes back to one', async () => {
  const written = platform()
  screen = await page(OWN)
  const text = await screen.until((shown) => shown.includes('Version 3'))
  expect(text).toContain('Who approves github_labels_add: an admin of the project')
  expect(text).toContain('github_comment_add: taken away')
  expect(text).toMatch(/A run may take:\s*1 hr 0 min\s*→\s*1 hr 30 min/)
  const [back] = screen.wrapper.findAll('button').filter((one) => one.attributes('aria-label') === 'Go back to it: Version 1')
  await back?.trigger('click')
  await screen.until((shown) => shown.includes('Go back to version 1?'))
  const reason = [...document.querySelectorAll<HTMLTextAreaElement>('.v-overlay textarea')].find((one) => !one.classList.contains('v-textarea__sizer'))
  if (reason === undefined) throw new Error('no reason')
  reason.value = 'It was better'
  reason.dispatchEvent(new Event('input'))
  document.querySelector('.v-overlay form')?.dispatchEvent(new Event('submit', { cancelable: true }))
  await screen.until((shown) => shown.includes('Version 4'))
  expect(written[0]).toMatchObject({ method: 'POST', path: `agents/${OWN}/roll-back`, ifMatch: '"3"', body: { number: 1, reason: 'It was better' } })
})

it('forgets a removal that failed when it is asked for again', async () => {
  platform()
  server.use(http.delete(`${ORIGIN}/api/v1/staff/agents/:id`, () => HttpResponse.json({ type: '', title: '', status: 503, code: 'unavailable' }, { status: 503 })))
  screen = await page(OWN)
  await screen.until((shown) => shown.includes('k8s_apply'))
  const remove = screen.wrapper.findAll('form button').find((one) => one.classes('text-error'))
  await remove?.trigger('click')
  await screen.until(() => document.querySelector('.v-overlay form') !== null)
  document.querySelector('.v-overlay form')?.dispatchEvent(new Event('submit', { cancelable: true }))
  await screen.until((shown) => shown.includes('The platform could not answer'))
  document.querySelector<HTMLElement>('.v-overlay form button')?.click()
  await remove?.trigger('click')
  await screen.until((shown) => !shown.includes('The platform could not answer'))
})

it('keeps what one types when a newer version comes, and saves it over the one that was read', async () => {
  const keeper = agentKeeper()
  const quotes: (string | null)[] = []
  const answer = async ({ request }: { request: Request }): Promise<HttpResponse<object>> => {
    const text = await request.text()
    const ifMatch = request.headers.get('if-match')
    if (request.method !== 'GET') quotes.push(ifMatch)
    const { status, body } = keeper({ method: request.method, path: `agents/${OWN}`, ifMatch: ifMatch ?? '', body: text === '' ? {} : JSON.parse(text) })
    return HttpResponse.json(body, { status })
  }
  platform()
  server.use(http.all(`${ORIGIN}/api/v1/staff/agents/*`, answer))
  screen = await page(OWN)
  await screen.until((shown) => shown.includes('k8s_apply'))
  await row('owner_feedback_request').get('input').setValue(false)
  keeper({ method: 'PUT', path: `agents/${OWN}`, ifMatch: '"3"', body: { policy: dev, reason: 'Somebody else' } })
  window.dispatchEvent(new Event('visibilitychange'))
  await save('It asks too much')
  await screen.until((shown) => shown.includes('Read it again before you save'))
  expect(row('owner_feedback_request').get<HTMLInputElement>('input').element.checked).toBe(false)
  await save('It asks too much')
  await vi.waitUntil(() => quotes.length === 2, { timeout: 4000 })
  expect(quotes).toEqual(['"3"', '"3"'])
  await screen.wrapper.findAll('form button').find((one) => one.text() === 'Read it again')?.trigger('click')
  await screen.until((shown) => shown.includes('Version 4'))
  expect(row('owner_feedback_request').get<HTMLInputElement>('input').element.checked).toBe(true)
  await row('owner_feedback_request').get('input').setValue(false)
  await save('It asks too much')
  await screen.until((shown) => shown.includes('Version 5'))
  expect(quotes.at(-1)).toBe('"4"')
})

it('shows whoever may not change it all of it, and no button', async () => {
  platform({ mayEdit: false })
  server.use(http.get(staff(`projects/${PROJECT}`), () => HttpResponse.json({ ...projects[0], my_role: 'read_write' })))
  screen = await page(ROLE, 'ru')
  const text = await screen.until((shown) => shown.includes('k8s_apply'))
  expect(text).toContain('Дать проекту своего агента может администратор проекта')
  expect(screen.wrapper.findAll('form button')).toEqual([])
  expect(row('k8s_apply').get('select').attributes('disabled')).toBeDefined()
  expect(text).not.toMatch(/agent\.\w+/)
})

it('says who approves in a project, tool by tool, and where something is wrong', async () => {
  platform()
  const sent: unknown[] = []
  const refused = { type: 'about:blank', title: 'no', status: 422, code: 'tool_modes_refused', fields: [{ field: '/tool_modes/k8s_apply', code: 'mode_below_floor', message: 'no', what: 'k8s_apply' }] }
  server.use(http.patch(staff(`projects/${PROJECT}`), async ({ request }) => {
    sent.push(await request.json())
    return HttpResponse.json(refused, { status: 422 })
  }))
  screen = await open(Project, `/projects/${PROJECT}/settings`, '/projects/:id/:tab?')
  await screen.until((shown) => shown.includes('k8s_apply'))
  expect(row('github_labels_add').get<HTMLSelectElement>('select').element.value).toBe('owner')
  await row('github_labels_add').get('select').setValue('')
  await row('k8s_apply').get('select').setValue('none')
  await screen.wrapper.get('form').trigger('submit')
  await screen.until((shown) => shown.includes('less than k8s_apply needs'))
  expect(sent).toMatchObject([{ tool_modes: { k8s_apply: 'none' } }])
  expect(row('k8s_apply').find('[role=alert]').exists()).toBe(true)
})

it('says what failed, and reads exactly that again', async () => {
  platform()
  let healthy = false
  server.use(http.get(staff('tools'), () =>
    healthy ? HttpResponse.json({ items: tools }) : HttpResponse.json({ type: '', title: '', status: 503, code: 'unavailable' }, { status: 503 }),
  ))
  screen = await page(OWN)
  await screen.until((shown) => shown.includes('The platform could not answer'))
  healthy = true
  await screen.wrapper.get('[role=alert] button').trigger('click')
  await screen.until((shown) => shown.includes('github_labels_add'))
})

it.each([
  ['owner', ['project'], 'An admin of the project decides, because the project’s policy says so.'],
  ['owner', ['agent', 'issue'], 'because the agent’s policy says so and the label approve:owner on the issue says so.'],
  ['delegated', ['tool'], 'Whoever may start runs decides, because that is usual for this tool.'],
] as const)('says on the card why %s has to approve: %s', async (mode, because, sentence) => {
  const asked = someAction({}, { mode, because: [...because] })
  server.use(
    http.get(staff('projects'), () => HttpResponse.json({ items: [] })),
    http.get(staff('approvals'), () => HttpResponse.json({ items: [asked], open: 0 })),
    http.get(staff(`approvals/${asked.id}`), () => HttpResponse.json(asked)),
  )
  screen = await open(Inbox, `/inbox/${asked.id}`, '/inbox/:id?')
  await screen.until((shown) => shown.includes(sentence))
})

it('finds what a version says otherwise', () => {
  expect(changes(facts(['a', '1'], ['b', '2']), facts(['a', '1'], ['c', '3']))).toEqual([
    { name: 'c', before: undefined, after: '3' },
    { name: 'b', before: '2', after: undefined },
  ])
  expect(changes(facts(['a', '1']), facts(['a', '2']))).toEqual([{ name: 'a', before: '1', after: '2' }])
})
