import { afterEach, expect, it } from 'vitest'
import { h } from 'vue'

import { ApiProblem } from '@/api/problem'
import type { FieldProblem, Locale } from '@/api/types'
import FormError from '@/components/form/FormError.vue'
import { GITHUB_RIGHT } from '@/rights'
import { open, type Screen } from './mount'

const ENGLISH = 'this is what the server says, in English'
/** Without a right that the token's page can grant. */
const OTHERS: Record<string, string> = { admin_role: 'Admin', no_workflow_right: 'Workflows' }

let screen: Screen | undefined

afterEach(() => {
  screen?.wrapper.unmount()
  screen = undefined
  document.body.replaceChildren()
})

/** The sentences that a form shows below its title. */
async function sentences(fields: FieldProblem[], locale: Locale): Promise<string[]> {
  const error = new ApiProblem({ type: 'about:blank', title: ENGLISH, status: 422, code: 'token_rights', fields })
  screen = await open({ render: () => h(FormError, { error }) }, '/refused', '/refused', locale)
  await screen.until((shown) => shown.includes('token_rights'))
  return screen.wrapper.findAll('li').map((item) => item.text())
}

it('names a refused right, what needs it and what to do, in the language of the reader', async () => {
  const refused = [{ field: '/token', code: 'contents_write', message: ENGLISH }]
  expect(await sentences(refused, 'en')).toEqual([
    'The right “Contents: read and write” is missing. Needed for: pushing the agent\'s branch. Grant it on the token’s page on GitHub.',
  ])
  screen?.wrapper.unmount()
  expect(await sentences(refused, 'ru')).toEqual([
    'Не хватает права «Contents: read and write». Нужно для: отправка ветки агента. Выдайте его на странице токена в GitHub.',
  ])
})

it('says no English sentence of any right in Russian', async () => {
  const rights = Object.entries({ ...GITHUB_RIGHT, ...OTHERS })
  const shown = await sentences(rights.map(([code]) => ({ field: '/token', code, message: ENGLISH })), 'ru')
  expect(shown).toHaveLength(rights.length)
  for (const [at, [code, right]] of rights.entries()) {
    expect(shown[at], code).toContain(`«${right}»`)
    expect(shown[at]?.replaceAll(/«[^»]*»/g, ''), code).not.toMatch(/[a-z]+ [a-z]+ [a-z]+/i)
  }
  expect(document.body.textContent).not.toContain(ENGLISH)
})

it('words what the contract finds wrong in the language of the reader', async () => {
  const found = [['missing', ''], ['unknown', ''], ['pattern', ''], ['too_short', '3'], ['too_long', '101'], ['too_small', '60'], ['too_great', '60'], ['too_few', '1']] as const
  const shown = await sentences(found.map(([code, what]) => ({ field: `/${code}`, code, what, message: ENGLISH })), 'ru')
  expect(shown).toHaveLength(found.length)
  expect([shown[3], shown[4]]).toEqual(['Слишком коротко: не меньше 3 знаков.', 'Слишком длинно: не больше 101 знака.'])
  expect(shown.filter((words) => /[a-z]/i.test(words))).toEqual([])
})

it.each(['host_granted', 'environment_exists', 'user_exists', 'run_over'])('has words of its own for the refusal %s', async (code) => {
  const error = new ApiProblem({ type: 'about:blank', title: ENGLISH, status: 409, code })
  screen = await open({ render: () => h(FormError, { error }) }, '/refused', '/refused', 'ru')
  await screen.until((shown) => shown.includes(code))
  expect(screen.wrapper.get('.title').text()).toMatch(/^[А-Я]/)
})

it('shows what the server says for a code that it does not know, and for none', async () => {
  const unknown = [{ field: '/token', code: 'packages_write', message: ENGLISH }, { field: '/name', message: 'is required' }]
  expect(await sentences(unknown, 'ru')).toEqual([ENGLISH, 'is required'])
})
