import { http, HttpResponse } from 'msw'
import { afterEach, expect, it } from 'vitest'

import Inbox from '@/views/Inbox.vue'
import { someAction } from '../fixtures/approvals'
import { open, staff, type Screen } from './mount'
import { server } from './server'

let screen: Screen | undefined

afterEach(() => {
  screen?.wrapper.unmount()
  screen = undefined
  document.body.replaceChildren()
})

it('says exactly what will be done, and sends a refusal in words for exactly that, after it was confirmed', async () => {
  const asked = someAction()
  const denied = someAction({ state: 'denied', decided_by: 'olga', answer: { text: 'Areas are mine.' } })
  let now = asked
  const sent: unknown[] = []
  server.use(
    http.get(staff('projects'), () => HttpResponse.json({ items: [] })),
    http.get(staff('approvals'), () => HttpResponse.json({ items: [now], open: 1 })),
    http.get(staff(`approvals/${asked.id}`), () => HttpResponse.json(now)),
    http.post(staff(`approvals/${asked.id}/decision`), async ({ request }) => {
      sent.push(await request.json())
      now = denied
      return HttpResponse.json(denied)
    }),
  )
  screen = await open(Inbox, `/inbox/${asked.id}`, '/inbox/:id?')
  const text = await screen.until((shown) => shown.includes('counts for exactly this'))
  expect(text).toContain('Put area:ui on #50 and take triage off')
  await screen.wrapper.findAll('input[type=radio]')[1]?.setValue()
  await screen.wrapper.get('textarea').setValue(' Areas are mine. ')
  await screen.wrapper.get('form.form').trigger('submit')
  expect(sent).toEqual([])
  await screen.wrapper.get('.sure button').trigger('click')
  await screen.until((shown) => shown.includes('olga denied it'))
  expect(sent).toEqual([{ decision: 'deny', digest: asked.action?.digest, words: 'Areas are mine.' }])
})
