import { http, HttpResponse } from 'msw'
import { afterEach, expect, it } from 'vitest'
import { h } from 'vue'

import HostQuestions from '@/components/egress/HostQuestions.vue'
import GrantList from '@/components/project/GrantList.vue'
import { grants } from '../fixtures/data'
import { hostKeeper } from '../fixtures/hosts'
import { open, staff, type Screen } from './mount'
import { server } from './server'

let screen: Screen | undefined

afterEach(() => {
  screen?.wrapper.unmount()
  screen = undefined
  document.body.replaceChildren()
})

async function shown(): Promise<{ screen: Screen; sent: unknown[] }> {
  const hosts = hostKeeper()
  const sent: unknown[] = []
  server.use(
    http.get(staff('egress-requests'), ({ request }) => HttpResponse.json(hosts.page(new URL(request.url).searchParams))),
    http.post(staff('egress-requests/:id/decision'), async ({ request, params }) => {
      const body: unknown = await request.json()
      sent.push(body)
      const decided = hosts.decide(String(params['id']), 'role')
      return decided === undefined ? HttpResponse.json({ title: 'late', status: 409, code: 'already_decided', type: 'about:blank' }, { status: 409 }) : HttpResponse.json(decided)
    }),
  )
  screen = await open({ render: () => h(HostQuestions, { filters: {} }) }, '/', '/')
  await screen.until((text) => text.includes('telemetry.example.net'))
  return { screen, sent }
}

it('asks for a choice, says what it means, and tells what was decided', async () => {
  const { screen: page, sent } = await shown()
  const [first] = page.wrapper.findAll('form')
  await first?.trigger('submit')
  await page.until((text) => text.includes('Choose one first.'))
  expect(sent).toEqual([])
  await first?.findAll('input')[1]?.setValue(true)
  await page.until((text) => text.includes('Let the role for 7 days'))
  await first?.trigger('submit')
  await page.until((text) => text.includes('olga let runs of the role dev reach it for 7 days.'))
  expect(sent).toEqual([{ decision: 'role' }])
})

it('offers nothing for a run that is over but what counts for later ones, and nothing to those who may not', async () => {
  const { screen: page } = await shown()
  const questions = page.wrapper.findAll('article')
  const choicesOf = (host: string): number => questions.find((one) => one.text().includes(host))?.findAll('input').length ?? -1
  expect([choicesOf('telemetry'), choicesOf('a-very-long'), choicesOf('billing'), choicesOf('old.example')]).toEqual([4, 3, 0, 0])
  expect(page.wrapper.text()).toContain('Who manages the project decides.')
})

it('lists for whom a host is open, until when, and what went through', async () => {
  server.use(http.get(staff('projects/p/egress-grants'), () => HttpResponse.json({ items: grants })))
  screen = await open({ render: () => h(GrantList, { projectId: 'p', manages: true }) }, '/', '/')
  const text = await screen.until((said) => said.includes('telemetry.example.net'))
  for (const words of ['All runs', 'Role qa', 'One run', 'Never: no run reaches it', '214 connections, 482 kB out, 9.1 MB in', 'Not used yet']) expect(text).toContain(words)
})
