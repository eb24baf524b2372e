import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { http, HttpResponse } from 'msw'
import { afterEach, expect, it } from 'vitest'

import { everybody, limitsOf } from '@/components/tool/holders'
import Tools from '@/views/Tools.vue'
import { tools } from '../fixtures/tools'
import { open, staff, type Screen } from './mount'
import { server } from './server'

let screen: Screen | undefined

afterEach(() => {
  screen?.wrapper.unmount()
  screen = undefined
  document.body.replaceChildren()
})

const catalogue = (path = '/tools', locale: 'en' | 'ru' = 'en'): Promise<Screen> => {
  server.use(http.get(staff('tools'), () => HttpResponse.json({ items: tools })))
  return open(Tools, path, '/tools', locale)
}

it('shows every tool by what it is about, whether people are asked, and who has it', async () => {
  screen = await catalogue()
  await screen.until((shown) => shown.includes('github_labels_add'))
  expect(screen.wrapper.findAll('section h2').map((heading) => heading.text())).toEqual(['The run itself', 'Issues and pull requests', 'The people who answer for the run'])
  const row = (name: string): string => screen?.wrapper.findAll('tbody tr').find((one) => one.text().startsWith(name))?.text() ?? ''
  expect(row('run_context_get')).toContain('Every run')
  expect(row('github_labels_add')).toContain('For what it may not do alone')
  expect(row('github_labels_add')).toContain('Runs: work, review')
  expect(row('owner_feedback_request')).toContain('Always')
  // One that this console does not know yet says what the agent reads.
  expect(row('docs_search')).toContain('Search the documents of the project.')
  expect(row('docs_search')).toContain('Roles: dev, km')
  expect(row('docs_search')).toContain('With an environment')
})

it('filters by the address, and says when nothing fits', async () => {
  screen = await catalogue('/tools?kind=discussion&role=qa')
  await screen.until((shown) => shown.includes('run_context_get'))
  expect(screen.wrapper.findAll('tbody code').map((name) => name.text())).toEqual(['run_context_get', 'run_status_report', 'github_issue_get'])
  await screen.router.replace('/tools?kind=discussion&asks=always')
  await screen.until((shown) => shown.includes('No tool matches these filters'))
})

it('says the same in Russian', async () => {
  screen = await catalogue('/tools', 'ru')
  const text = await screen.until((shown) => shown.includes('github_labels_add'))
  expect(text).toContain('У каждого запуска')
  expect(text).not.toMatch(/tool\.\w+/)
})

it('names only what tells holders apart', () => {
  const all = everybody(tools)
  expect(tools.map(({ held_by }) => limitsOf(held_by, all).map(({ what }) => what))).toEqual([[], [], [], ['kinds'], ['kinds'], ['kinds'], ['modes', 'roles']])
})

it('has words for every tool of the platform', () => {
  const domain = readFileSync(join(import.meta.dirname, '../../../crates/domain/src/tools.rs'), 'utf8')
  const names = [...(/\bTool \{([^}]*)\}/.exec(domain)?.[1] ?? '').matchAll(/= "([^"]+)"/g)].map(([, name = '']) => name)
  const words: unknown = JSON.parse(readFileSync(join(import.meta.dirname, '../../src/locales/tools.en.json'), 'utf8'))
  expect(names.length).toBeGreaterThan(10)
  expect(words).toMatchObject({ tool: { name: Object.fromEntries(names.map((name): [string, unknown] => [name, expect.any(String)])) } })
})
