import { http, HttpResponse } from 'msw'
import { afterEach, expect, it } from 'vitest'

import type { Approval } from '@/api/types'
import Inbox from '@/views/Inbox.vue'
import { actions, someAction } from '../fixtures/actions'
import { open, staff, type Screen } from './mount'
import { server } from './server'

let screen: Screen | undefined

afterEach(() => {
  screen?.wrapper.unmount()
  screen = undefined
  document.body.replaceChildren()
})

function shows(asked: Approval): void {
  server.use(
    http.get(staff('projects'), () => HttpResponse.json({ items: [] })),
    http.get(staff('approvals'), () => HttpResponse.json({ items: [asked], open: 0 })),
    http.get(staff(`approvals/${asked.id}`), () => HttpResponse.json(asked)),
  )
}

it.each([
  ['approved', 'olga approved it', 'about to do it'],
  ['applying', 'olga approved it', 'is doing it'],
  ['applied', 'and it is done', 'Done'],
  ['failed', 'it could not be done', '404'],
  ['unknown', 'is not known', 'Look how things stand'],
  ['denied', 'olga denied it', 'Areas are mine'],
  ['stale', 'changed first', 'asks anew'],
  ['expired', 'in time', 'went on without it'],
  ['withdrawn', 'The run ended', 'Nothing is needed'],
] as const)('tells what came of leave that is %s, and offers no decision', async (state, ...sentences) => {
  const asked = actions.find((one) => one.state === state) ?? someAction()
  shows(asked)
  screen = await open(Inbox, `/inbox/${asked.id}`, '/inbox/:id?')
  await screen.until((shown) => sentences.every((sentence) => shown.includes(sentence)))
  expect(screen.wrapper.find('form.form').exists()).toBe(false)
})

it('shows the labels that come off and go on, how risky it is, and who may decide to whoever may not', async () => {
  const asked = someAction({ may_decide: false }, { risk: 'medium', why: undefined })
  shows(asked)
  screen = await open(Inbox, `/inbox/${asked.id}`, '/inbox/:id?')
  const text = await screen.until((shown) => shown.includes('may decide.'))
  expect(screen.wrapper.findAll('.effect li').map((row) => row.text())).toEqual(['−triagecomes off', '+area:uigoes on'])
  expect(text).toContain('Medium risk: people may act on it')
  expect(text).toContain('The agent gave no reason.')
  expect(text).toContain('An admin of the platform or an admin of Shop may decide.')
  expect(text).toContain('nothing is done, and the agent is told so')
})

it('shows what becomes of an object line by line, told by sign as well as by colour', async () => {
  const asked = actions.find(({ action }) => action?.object?.act === 'apply' && !action.object.is_new) ?? someAction()
  shows(asked)
  screen = await open(Inbox, `/inbox/${asked.id}`, '/inbox/:id?')
  const text = await screen.until((shown) => shown.includes('Change Deployment web'))
  const lines = (kind: string): string[] => screen?.wrapper.findAll(`.effect pre .${kind}`).map((line) => line.text()) ?? []
  expect(lines('off')).toContain('-        image: registry.example/shop-web:41')
  expect(lines('on')).toContain('+        image: registry.example/shop-web:42')
  expect(lines('place')).toHaveLength(2)
  expect(text).toContain('Medium risk')
  expect(text).toContain('acme-dev-i50-456789ab')
  expect(text).not.toContain('All other labels')
})

it('says of a new object that there was none, and of a restart that nothing of the object changes', async () => {
  for (const [act, ...sentences] of [['apply', 'Make ConfigMap settings', 'There is none yet'], ['restart', 'Restart StatefulSet', 'stays as it is'], ['delete', 'Delete PersistentVolumeClaim', 'cannot be taken back']] as const) {
    const asked = actions.find(({ action }) => action?.object?.act === act && (act !== 'apply' || action.object.is_new)) ?? someAction()
    shows(asked)
    screen = await open(Inbox, `/inbox/${asked.id}`, '/inbox/:id?')
    await screen.until((shown) => sentences.every((sentence) => shown.includes(sentence)))
    screen.wrapper.unmount()
  }
})

it('approves by keyboard alone, and says what is about to happen', async () => {
  const asked = someAction()
  let now = asked
  shows(asked)
  const sent: unknown[] = []
  server.use(
    http.get(staff(`approvals/${asked.id}`), () => HttpResponse.json(now)),
    http.post(staff(`approvals/${asked.id}/decision`), async ({ request }) => {
      sent.push(await request.json())
      now = someAction({ state: 'approved', decided_by: 'olga' })
      return HttpResponse.json(now)
    }),
  )
  screen = await open(Inbox, `/inbox/${asked.id}`, '/inbox/:id?')
  await screen.until((shown) => shown.includes('Your decision'))
  window.dispatchEvent(new KeyboardEvent('keydown', { key: 'a', bubbles: true, cancelable: true }))
  await screen.until(() => document.activeElement instanceof HTMLInputElement && document.activeElement.checked)
  await screen.wrapper.get('form.form').trigger('submit')
  await screen.until((shown) => shown.includes('Approve exactly this?') && shown.includes('The platform does exactly this, at once.'))
  expect(document.activeElement?.textContent).toContain('Approve it')
  if (document.activeElement instanceof HTMLElement) document.activeElement.click()
  await screen.until((shown) => shown.includes('olga approved it'))
  expect(sent).toEqual([{ decision: 'approve', digest: asked.action?.digest }])
  expect(document.activeElement?.textContent).toContain('The platform is about to do it.')
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
  expect(await screen.until((shown) => shown.includes('Deny this?'))).toContain('The agent is told:')
  expect(sent).toEqual([])
  await screen.wrapper.get('.sure button').trigger('click')
  await screen.until((shown) => shown.includes('olga denied it'))
  expect(sent).toEqual([{ decision: 'deny', digest: asked.action?.digest, words: 'Areas are mine.' }])
})
