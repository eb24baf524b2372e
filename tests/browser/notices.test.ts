// What people are told, in a real browser over a running platform: it reaches the bell while one looks at something else,
// is opened by keyboard alone and counts as read; and people choose what they want to hear of.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Browser, Page } from 'playwright-core'

import { barriers, CONSOLE, launch, makeProject, makeRepository, OWNER, picture, signInAs, startRun, visit, type Visitor } from './stage.ts'

/** From a label to what the agent says: namespace, pod, clone and its first steps lie between. */
const TOLD_MS = 240_000
/** More rows than the menu has. */
const ROWS = 30

describe('what people are told', () => {
  let browser: Browser
  let owner: Visitor
  let repository: string
  before(async () => {
    browser = await launch()
    owner = await visit(browser)
    repository = await makeRepository()
    await signInAs(owner.page, OWNER)
    await makeProject(owner.page, `Notices ${Date.now().toString(36)}`, repository)
  })
  after(() => browser.close())

  async function openMenu(page: Page): Promise<void> {
    await page.locator('#bell').focus()
    await page.keyboard.press('Enter')
    await page.getByRole('region', { name: 'Notifications' }).waitFor()
  }

  function row(page: Page, issue: number) {
    const about = page.getByRole('region', { name: 'Notifications' }).getByRole('listitem').filter({ hasText: `${repository}#${issue}` })
    return about.filter({ hasText: 'The issue can be worked on' })
  }

  it('reaches the menu by itself, is opened by keyboard alone, and is read then', async () => {
    const { page } = owner
    const issue = await startRun(repository, `Notices ${Date.now().toString(36)}`, 'tools')
    await openMenu(page)
    await row(page, issue).waitFor({ timeout: TOLD_MS })
    await row(page, issue).getByRole('img', { name: 'unread' }).waitFor()
    await picture(page, 'notices-1280')
    assert.deepEqual(await barriers(page), [])

    const about = `${repository}#${issue}`
    for (let pressed = 0; pressed < ROWS; pressed++) {
      const text = await page.evaluate(() => document.activeElement?.closest('li')?.textContent ?? '')
      if (text.includes(about) && text.includes('The issue can be worked on')) break
      await page.keyboard.press('ArrowDown')
    }
    await page.keyboard.press('Enter')
    await page.waitForURL(/\/runs\/[0-9a-f-]{36}$/)
    await page.getByRole('region', { name: 'Notifications' }).waitFor({ state: 'hidden' })

    await openMenu(page)
    await row(page, issue).getByRole('img', { name: 'unread' }).waitFor({ state: 'detached' })
    await page.keyboard.press('Escape')
    await page.getByRole('region', { name: 'Notifications' }).waitFor({ state: 'hidden' })
    assert.deepEqual(owner.complaints, [])
  })

  it('is what they have chosen to hear of', async () => {
    const { page } = owner
    const choice = page.getByLabel('An agent says what can come next')
    async function choose(wanted: boolean): Promise<void> {
      await page.goto(`${CONSOLE}/notifications`)
      await choice.waitFor()
      assert.equal(await choice.isChecked(), !wanted)
      await choice.press('Space')
      await page.getByText('Saved').waitFor()
    }
    await choose(false)
    await picture(page, 'notices-chosen-1280')
    await choose(true)
    await page.reload()
    await choice.waitFor()
    assert.ok(await choice.isChecked())
    assert.deepEqual(await barriers(page), [])
    assert.deepEqual(owner.complaints, [])
  })
})
