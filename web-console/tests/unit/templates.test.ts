import { http, HttpResponse } from 'msw'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'

import type { Locale } from '@/api/types'
import Prompts from '@/views/Prompts.vue'
import PromptTemplate from '@/views/PromptTemplate.vue'
import { projects, uuid } from '../fixtures/data'
import { templateKeeper } from '../fixtures/templates'
import { open, staff, type Screen } from './mount'
import { server } from './server'

// The test's document cannot carry the big editor; the plain field takes its place, as it does on a phone.
vi.mock('@/editor/load', () => ({ loadMonaco: () => Promise.reject(new Error('no editor here')) }))

let screen: Screen | undefined

beforeEach(() => {
  // Parts of a browser that the test's document lacks.
  vi.stubGlobal('ResizeObserver', class { observe() {} unobserve() {} disconnect() {} })
  vi.stubGlobal('visualViewport', new EventTarget())
})
afterEach(() => {
  screen?.wrapper.unmount()
  screen = undefined
  document.body.replaceChildren()
})

function keeperAnswers(mayEdit = true): string[] {
  const keeper = templateKeeper(mayEdit)
  const asked: string[] = []
  server.use(
    http.all(staff('prompt-templates*'), async ({ request }) => {
      const url = new URL(request.url)
      const path = url.pathname.replace('/api/v1/staff/prompt-templates', '')
      const text = await request.text()
      if (request.method !== 'GET') asked.push(`${request.method} ${path}`)
      const answer = keeper({ method: request.method, path, query: url.searchParams, ifMatch: request.headers.get('if-match') ?? '', body: text === '' ? {} : JSON.parse(text) })
      return HttpResponse.json(answer.body, { status: answer.status })
    }),
    http.get(staff('projects'), () => HttpResponse.json({ items: projects })),
    http.get(staff(`projects/${uuid(10)}`), () => HttpResponse.json(projects[0])),
    http.get(staff('runs'), () => HttpResponse.json({ items: [] })),
  )
  return asked
}

async function desk(query = '', locale: Locale = 'en'): Promise<Screen> {
  screen = await open(PromptTemplate, `/prompts/task-dev-work/en${query}`, '/prompts/:name/:locale', locale)
  await screen.until(() => screen?.wrapper.find('textarea').exists() === true)
  return screen
}

function button(words: string): HTMLButtonElement {
  const all = [...document.querySelectorAll('button')].filter((one) => one.textContent?.trim() === words)
  const last = all.at(-1)
  if (last === undefined) throw new Error(`no button ${words}`)
  return last
}

async function write(words: string): Promise<void> {
  await screen?.wrapper.get('textarea').setValue(words)
}

async function give(reason: string): Promise<void> {
  const field = [...document.querySelectorAll<HTMLTextAreaElement>('.v-overlay textarea')].find((one) => one.getAttribute('aria-hidden') !== 'true' && !one.classList.contains('v-textarea__sizer'))
  if (field === undefined) throw new Error('no field for the reason')
  field.value = reason
  field.dispatchEvent(new Event('input'))
  document.querySelector('.v-overlay form')?.dispatchEvent(new Event('submit', { cancelable: true }))
}

it('lists every template with what is in use in each language', async () => {
  keeperAnswers()
  screen = await open(Prompts, '/prompts', '/prompts')
  const text = await screen.until((shown) => shown.includes('task-dev-work'))
  expect(text).toContain('Every project · v2')
  expect(screen.wrapper.findAll('tbody tr')).toHaveLength(30)
  screen.wrapper.unmount()
  screen = await open(Prompts, `/prompts?project=${uuid(10)}&kind=work&name=dev&locale=en`, '/prompts')
  expect(await screen.until((shown) => shown.includes('task-dev-work'))).toContain('Draft')
  expect(screen.wrapper.findAll('tbody tr')).toHaveLength(1)
  expect(screen.wrapper.get('tbody a').attributes('href')).toBe(`/prompts/task-dev-work/en?project=${uuid(10)}`)
})

it('writes a draft, puts it to use with a reason, and rolls back', async () => {
  const asked = keeperAnswers()
  const { until } = await desk()
  expect(button('Save the draft').disabled).toBe(true)
  await write('Do it in {{ branch }}.')
  await until((shown) => shown.includes('Not saved'))
  button('Save the draft').click()
  await until((shown) => shown.includes('Draft v3 by'))
  button('Put to use').click()
  await until((shown) => shown.includes('Put version 3 to use?'))
  await give('Shorter is better')
  await until((shown) => shown.includes('In use: Every project · v3'))
  await until((shown) => shown.includes('olga: Shorter is better'))
  const [again] = [...document.querySelectorAll<HTMLButtonElement>('aside button')].filter((one) => one.getAttribute('aria-label') === 'Put to use again: Version 2')
  again?.click()
  await until((shown) => shown.includes('Put version 2 to use again?'))
  await give('Too short')
  await until((shown) => shown.includes('In use: Every project · v2'))
  expect(asked).toEqual(['POST ', `POST /${uuid(603)}/activate`, `POST /${uuid(502)}/roll-back`])
})

it('says in which line a text is wrong, in the language of the reader', async () => {
  keeperAnswers()
  const { until } = await desk('', 'ru')
  await write('Сделай это.\n\nВ ветке {{ brnch }}.')
  await until((shown) => shown.includes('Не сохранено'))
  button('Сохранить черновик').click()
  await until((shown) => shown.includes('Строка 3. Переменной «brnch» нет.'))
})

it('keeps what one has written when somebody else was quicker', async () => {
  keeperAnswers()
  const { until, wrapper } = await desk(`?project=${uuid(10)}`)
  await until((shown) => shown.includes('Draft v1 by ivan'))
  server.use(http.put(staff('prompt-templates/*'), () => HttpResponse.json({ type: '', title: '', status: 412, code: 'version_changed' }, { status: 412 }), { once: true }))
  await write('Mine.')
  button('Save the draft').click()
  await until((shown) => shown.includes('Somebody else has changed it.'))
  button('Read again').click()
  await until((shown) => !shown.includes('Somebody else has changed it.'))
  expect(wrapper.get('textarea').element.value).toBe('Mine.')
  button('Save the draft').click()
  await until((shown) => !shown.includes('Not saved'))
})

it('asks before unsaved words are lost', async () => {
  keeperAnswers()
  const { router, until } = await desk()
  await write('Mine.')
  void router.push('/elsewhere')
  await until((shown) => shown.includes('Leave without saving?'))
  button('Keep it').click()
  await until((shown) => !shown.includes('elsewhere'))
  expect(router.currentRoute.value.path).toBe('/prompts/task-dev-work/en')
  void router.push('/elsewhere')
  await until((shown) => shown.includes('Leave without saving?'))
  button('Leave').click()
  await until((shown) => shown.includes('elsewhere'))
})

it('shows the whole prompt that the text would give', async () => {
  keeperAnswers()
  const { until } = await desk()
  await write('Answer #{{ issue_number }}.')
  document.querySelector<HTMLButtonElement>('#tab-preview')?.click()
  expect(await until((shown) => shown.includes('the text that is tried'))).toContain('Rules')
})

it('lets others look and not write', async () => {
  keeperAnswers(false)
  const { until, wrapper } = await desk()
  expect(await until((shown) => shown.includes('You may look.'))).not.toContain('Save the draft')
  expect(wrapper.get('textarea').attributes('readonly')).toBeDefined()
})
