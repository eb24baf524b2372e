import { http, HttpResponse } from 'msw'
import { afterEach, beforeAll, expect, it, vi } from 'vitest'

import Deliveries from '@/views/Deliveries.vue'
import Project from '@/views/Project.vue'
import Runs from '@/views/Runs.vue'
import SignIn from '@/views/SignIn.vue'
import { deliveries, projects, repositories, runs, uuid } from '../fixtures/data'
import { open, staff, type Screen } from './mount'
import { server } from './server'

let screen: Screen | undefined

beforeAll(() => {
  // Parts of a browser that the test's document lacks.
  vi.stubGlobal('ResizeObserver', class { observe() {} unobserve() {} disconnect() {} })
  vi.stubGlobal('visualViewport', new EventTarget())
})
afterEach(() => {
  screen?.wrapper.unmount()
  screen = undefined
  document.body.replaceChildren()
})

function projectsAre(items: unknown[]): void {
  server.use(http.get(staff('projects'), () => HttpResponse.json({ items })))
}

it('lists runs, each with why it is where it is', async () => {
  projectsAre(projects)
  server.use(http.get(staff('runs'), () => HttpResponse.json({ items: runs })))
  screen = await open(Runs, '/runs', '/runs')
  const text = await screen.until((shown) => shown.includes('Move the orders service'))
  expect(text).toContain('The agent used more memory than it may.')
  expect(text).toContain('Running the basket tests')
})

it('says the same in Russian', async () => {
  projectsAre(projects)
  server.use(http.get(staff('runs'), () => HttpResponse.json({ items: runs })))
  screen = await open(Runs, '/runs', '/runs', 'ru')
  expect(await screen.until((shown) => shown.includes('Move the orders service'))).toContain('Агенту не хватило разрешённой памяти.')
})

it('teaches the next step when there is no run', async () => {
  projectsAre([])
  server.use(http.get(staff('runs'), () => HttpResponse.json({ items: [] })))
  screen = await open(Runs, '/runs', '/runs')
  await screen.until((shown) => shown.includes('Put the label run:dev on an issue'))
})

it('reads its filters from the address and asks the server for them', async () => {
  projectsAre([])
  const asked: string[] = []
  server.use(
    http.get(staff('runs'), ({ request }) => {
      asked.push(new URL(request.url).search)
      return HttpResponse.json({ items: [] })
    }),
  )
  screen = await open(Runs, '/runs?status=active&q=basket', '/runs')
  await screen.until((shown) => shown.includes('No run matches these filters'))
  expect(asked[0]).toBe('?active=true&q=basket')
})

it('says what failed, and reads again when asked to', async () => {
  projectsAre([])
  let healthy = false
  server.use(
    http.get(staff('runs'), () =>
      healthy ? HttpResponse.json({ items: runs }) : HttpResponse.json({ type: '', title: '', status: 503, code: 'unavailable' }, { status: 503 }),
    ),
  )
  screen = await open(Runs, '/runs', '/runs')
  expect(await screen.until((shown) => shown.includes('The platform could not answer'))).toContain('unavailable')
  healthy = true
  await screen.wrapper.get('[role=alert] button').trigger('click')
  await screen.until((shown) => shown.includes('Move the orders service'))
})

it('explains a delivery that started nothing', async () => {
  server.use(http.get(staff('deliveries'), () => HttpResponse.json({ items: deliveries })))
  screen = await open(Deliveries, '/deliveries', '/deliveries')
  const text = await screen.until((shown) => shown.includes('sender_not_allowed'))
  expect(text).toContain('The sender is not a user of the platform.')
})

it('names what a repository lacks and what to do about it', async () => {
  const project = uuid(10)
  projectsAre(projects)
  server.use(
    http.get(staff(`projects/${project}`), () => HttpResponse.json(projects[0])),
    http.get(staff(`projects/${project}/repositories`), () => HttpResponse.json({ items: repositories })),
  )
  screen = await open(Project, `/projects/${project}`, '/projects/:id/:tab?')
  const text = await screen.until((shown) => shown.includes('acme/shop-orders-and-fulfilment'))
  expect(text).toContain('May write issues and labels')
  expect(text).toContain('Grant “Issues: read and write” on the token’s page on GitHub.')
  expect(text).toContain('.github/workflows/nightly.yml')
  expect(text).not.toContain('.github/workflows/pages.yml')
  expect(text).toContain('and 2 more')
  expect(text).toContain('Could not be read: .github/workflows/torn.yml')
})

it('says why signing in was refused, and comes back only to paths of its own', async () => {
  screen = await open(SignIn, '/sign-in?problem=not_listed&return_to=//evil.example', '/sign-in')
  expect(await screen.until((shown) => shown.includes('not_listed'))).toContain('You are not on the list')
  expect(screen.wrapper.get('a[href^="/api"]').attributes('href')).toBe('/api/v1/auth/github/start?return_to=%2Fruns')
})
