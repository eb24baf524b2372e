// What agents ask leave for, in a real browser over a running platform: it arrives while one looks, and is decided by
// keyboard alone.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Browser } from 'playwright-core'

import { approves, denies } from './deciding.ts'
import { barriers, CONSOLE, labelsOn, launch, makeProject, makeRepository, OWNER, picture, signInAs, startRun, visit, type Visitor } from './stage.ts'

/** From a label to what the agent asks: namespace, pod, clone and its first steps lie between. */
const ASKED_MS = 240_000
/** From an approval to its effect. */
const DONE_MS = 60_000

describe('what an agent asks leave for', () => {
  let browser: Browser
  let owner: Visitor
  let repository: string
  before(async () => {
    browser = await launch()
    owner = await visit(browser)
    repository = await makeRepository()
    await signInAs(owner.page, OWNER)
    await makeProject(owner.page, `Actions ${Date.now().toString(36)}`, repository)
    const project = new URL(owner.page.url()).pathname.split('/')[2] ?? ''
    await owner.page.goto(`${CONSOLE}/inbox?project=${project}`)
  })
  after(() => browser.close())

  /** Nobody reloads: the request comes into the list by itself, and being the only open one it is shown beside it. */
  async function arrives(title: string): Promise<number> {
    const issue = await startRun(repository, title, 'labels', '', ['triage'])
    const { page } = owner
    await page.getByRole('heading', { name: `Put area:ui on #${issue} and take triage off` }).waitFor({ timeout: ASKED_MS })
    await page.getByRole('region', { name: `What will be done on #${issue}` }).getByText('triage').waitFor()
    return issue
  }

  it('arrives while one looks at the inbox, and is approved by keyboard alone', async () => {
    const issue = await arrives(`Labels to approve ${Date.now().toString(36)}`)
    await picture(owner.page, 'action-1280')
    assert.deepEqual(await barriers(owner.page), [])
    await approves(owner.page, OWNER, DONE_MS)
    const labels = await labelsOn(repository, issue)
    assert.ok(labels.includes('area:ui') && !labels.includes('triage'), labels.join(', '))
    assert.deepEqual(owner.complaints, [])
  })

  it('is denied in words by keyboard alone, and nothing is done', async () => {
    // Among all requests, the one that was approved would be shown.
    const { searchParams } = new URL(owner.page.url())
    await owner.page.goto(`${CONSOLE}/inbox?state=open&project=${searchParams.get('project') ?? ''}`)
    const issue = await arrives(`Labels to deny ${Date.now().toString(36)}`)
    await denies(owner.page, OWNER, 'Areas are mine to choose, ask a maintainer.')
    const labels = await labelsOn(repository, issue)
    assert.ok(labels.includes('triage') && !labels.includes('area:ui'), labels.join(', '))
    assert.deepEqual(owner.complaints, [])
  })
})
