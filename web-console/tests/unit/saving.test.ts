import { http, HttpResponse } from 'msw'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { h } from 'vue'

import ConfirmDialog from '@/components/form/ConfirmDialog.vue'
import IntegrationList from '@/components/integration/IntegrationList.vue'
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
      await vi.waitUntil(() => answers)
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
