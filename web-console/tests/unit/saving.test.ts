import { http, HttpResponse } from 'msw'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { h } from 'vue'

import ConfirmDialog from '@/components/form/ConfirmDialog.vue'
import IntegrationList from '@/components/integration/IntegrationList.vue'
import Project from '@/views/Project.vue'
import { projects } from '../fixtures/data'
import { open, staff, type Screen } from './mount'
import { server } from './server'

let screen: Screen | undefined

beforeEach(() => {
  vi.stubGlobal('ResizeObserver', class { observe() {} unobserve() {} disconnect() {} })
  vi.stubGlobal('visualViewport', new EventTarget())
})

afterEach(() => {
  screen?.wrapper.unmount()
  screen = undefined
  document.body.replaceChildren()
})

function press(label: string): void {
  const button = [...document.querySelectorAll('button')].find((one) => (one.getAttribute('aria-label') ?? one.textContent ?? '').trim() === label)
  if (button === undefined) throw new Error(`no button ${label}`)
  button.click()
}

/** Enter in a field of the form, which no button hinders. */
function enter(): void {
  document.querySelector('form')?.dispatchEvent(new Event('submit', { bubbles: true, cancelable: true }))
}

it('adds an integration once, however often Enter is pressed, and shows its token', async () => {
  let answers = false
  const names: unknown[] = []
  server.use(
    http.get(staff('projects/p/integrations'), () => HttpResponse.json({ items: [] })),
    http.post(staff('projects/p/integrations'), async ({ request }) => {
      names.push(await request.json())
      await vi.waitUntil(() => answers, { timeout: 4000 })
      const integration = { id: 'i', name: 'Night shift', asks: ['approval'], open: 0, created_by: 'olga', created_at: '2026-01-01T10:00:00Z' }
      return HttpResponse.json({ integration, token: `cxi_${names.length}` }, { status: 201 })
    }),
  )
  screen = await open({ render: () => h(IntegrationList, { projectId: 'p', manages: true }) }, '/', '/')
  await screen.until((text) => text.includes('No outside system asks here'))
  press('Add an integration')
  await screen.until(() => document.querySelector('.v-dialog form') !== null)
  enter()
  await screen.until(() => names.length === 1)
  enter()
  press('Cancel')
  press('Add an integration')
  answers = true
  await screen.until((text) => text.includes('cxi_1'))
  expect(names).toHaveLength(1)
})

it('confirms once while what was confirmed is under way', async () => {
  const confirmed = vi.fn<() => void>()
  screen = await open({ render: () => h(ConfirmDialog, { modelValue: true, title: 'Remove it?', text: '', action: 'Remove', busy: true, onConfirm: confirmed }) }, '/', '/')
  await screen.until((text) => text.includes('Remove it?'))
  enter()
  expect(confirmed).not.toHaveBeenCalled()
})

it('keeps what one types over a newer copy of a project, and asks before it is lost', async () => {
  const [first = { id: 'p', version: 1 }] = projects
  let now = { ...first, my_role: 'admin' }
  const quotes: (string | null)[] = []
  server.use(
    http.get(staff(`projects/${first.id}`), () => HttpResponse.json(now)),
    http.get(staff('tools'), () => HttpResponse.json({ items: [] })),
    http.patch(staff(`projects/${first.id}`), async ({ request }) => {
      quotes.push(request.headers.get('if-match'))
      if (quotes.at(-1) !== `"${now.version}"`) return HttpResponse.json({ type: 'about:blank', title: '', status: 412, code: 'version_changed' }, { status: 412 })
      now = { ...now, ...JSON.parse(await request.text()), version: now.version + 1 }
      return HttpResponse.json(now)
    }),
  )
  screen = await open(Project, `/projects/${first.id}/settings`, '/projects/:id/:tab?')
  await screen.until(() => document.querySelector('form') !== null)
  const name = () => screen?.wrapper.get<HTMLInputElement>('form input')
  await name()?.setValue('Written by me')
  now = { ...now, name: 'Written by another', version: now.version + 1 }
  enter()
  await screen.until((text) => text.includes('Read it again before you save'))
  expect(name()?.element.value).toBe('Written by me')
  press('Read it again')
  await screen.until((text) => text.includes('Written by another') && name()?.element.value === 'Written by another')

  await name()?.setValue('Written by me')
  void screen.router.push('/elsewhere')
  await screen.until((text) => text.includes('Leave this page?'))
  press('Keep it')
  enter()
  await screen.until((text) => text.includes('Saved'))
  expect(quotes).toEqual([`"${first.version}"`, `"${first.version + 1}"`])
  await screen.router.push('/elsewhere')
  expect(screen.router.currentRoute.value.path).toBe('/elsewhere')
})
