import { http, HttpResponse } from 'msw'
import { afterEach, beforeAll, expect, it, vi } from 'vitest'
import { h } from 'vue'

import NextSteps from '@/components/run/NextSteps.vue'
import { runs } from '../fixtures/data'
import { open, staff, type Screen } from './mount'
import { server } from './server'

let screen: Screen | undefined

beforeAll(() => vi.stubGlobal('visualViewport', new EventTarget()))
afterEach(() => {
  screen?.wrapper.unmount()
  screen = undefined
  document.body.replaceChildren()
})

function start(): void {
  const found = [...document.querySelectorAll<HTMLButtonElement>('form button')].find((button) => button.textContent.includes('Start'))
  if (found === undefined) throw new Error('there is nothing to start it with')
  found.click()
}

it('shows what a step changes anew when the labels changed under its preview, and starts what is shown then', async () => {
  const [run] = runs
  if (run === undefined) throw new Error('the fixtures hold no run')
  const next = { ...run, id: '0192f0c1-9999-7333-8444-0123456789ab' }
  let there = ['run:dev']
  const seen: unknown[] = []
  server.use(
    http.get(staff(`runs/${run.id}/next-steps`), () =>
      HttpResponse.json({
        may_start: true,
        items: [{ step: 'retry', does: 'retry', on_number: 37, on_pull_request: false, adds: 'run:dev', removes: there, labels: there }],
      })),
    http.post(staff(`runs/${run.id}/next-steps/retry`), async ({ request }) => {
      seen.push(await request.json())
      if (seen.length > 1) return HttpResponse.json(next, { status: 201 })
      there = ['state:blocked']
      return HttpResponse.json({ type: 'about:blank', code: 'labels_changed', title: 'Other labels', status: 409 }, { status: 409 })
    }),
  )
  screen = await open({ render: () => h(NextSteps, { run }) }, '/here', '/here')
  await screen.until((shown) => shown.includes('Try again'))
  await screen.wrapper.get('.steps button').trigger('click')
  await screen.until(() => document.querySelector('.label.off') !== null)
  start()
  await screen.until((shown) => shown.includes('shown anew above') && shown.includes('state:blocked'))
  start()
  await screen.until((shown) => shown.includes('elsewhere'))
  expect(seen).toEqual([{ labels_seen: ['run:dev'] }, { labels_seen: ['state:blocked'] }])
  expect(screen.router.currentRoute.value.path).toBe(`/runs/${next.id}`)
})
