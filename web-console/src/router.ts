// One path a screen. All but sign-in need a session; without one the reader is sent to sign in and comes back here.
import { createRouter, createWebHistory, type RouteLocationRaw } from 'vue-router'

import { SignedOut } from '@/api/problem'
import { hasToken, renew } from '@/api/session'
import { useWords, type Area } from '@/i18n'
import { arrived, readAnew } from '@/stale'

declare module 'vue-router' {
  interface RouteMeta {
    /** Key of the page's name, for the document's title. */
    title: string
    public?: boolean
    /** Words that the page needs beside those of all pages. */
    words?: readonly Area[]
  }
}

export const router = createRouter({
  history: createWebHistory(),
  scrollBehavior: (to, from, saved) => saved ?? (to.path === from.path ? false : { top: 0 }),
  routes: [
    { path: '/', redirect: '/runs' },
    { path: '/sign-in', component: () => import('@/views/SignIn.vue'), meta: { title: 'signIn.title', public: true, words: ['signIn'] } },
    { path: '/inbox/:from(outside)?/:id?', component: () => import('@/views/Inbox.vue'), props: true, meta: { title: 'nav.inbox', words: ['inbox', 'outside', 'egress', 'channels'] } },
    { path: '/runs', component: () => import('@/views/Runs.vue'), meta: { title: 'nav.runs' } },
    { path: '/runs/:id', component: () => import('@/views/Run.vue'), props: true, meta: { title: 'nav.run', words: ['run', 'inbox', 'deliveries', 'egress', 'channels'] } },
    { path: '/runs/:id/prompt', component: () => import('@/views/RunPrompt.vue'), props: true, meta: { title: 'nav.prompt', words: ['prompts'] } },
    { path: '/waiting', component: () => import('@/views/Waiting.vue'), meta: { title: 'nav.waiting', words: ['waiting'] } },
    { path: '/projects', component: () => import('@/views/Projects.vue'), meta: { title: 'nav.projects', words: ['projects'] } },
    {
      path: '/projects/:id/:tab(repositories|members|agents|environments|egress|channels|words|settings)?',
      component: () => import('@/views/Project.vue'),
      props: true,
      meta: { title: 'nav.project', words: ['projects', 'prompts', 'agents', 'channels', 'outside', 'tools'] },
    },
    {
      path: '/projects/:id/agents/:agent',
      component: () => import('@/views/Agent.vue'),
      props: true,
      meta: { title: 'nav.agent', words: ['projects', 'agents', 'tools'] },
    },
    { path: '/prompts', component: () => import('@/views/Prompts.vue'), meta: { title: 'nav.prompts', words: ['prompts'] } },
    {
      path: '/prompts/:name/:locale(en|ru)',
      component: () => import('@/views/PromptTemplate.vue'),
      props: true,
      meta: { title: 'nav.template', words: ['prompts'] },
    },
    { path: '/tools', component: () => import('@/views/Tools.vue'), meta: { title: 'nav.tools', words: ['tools'] } },
    { path: '/deliveries', component: () => import('@/views/Deliveries.vue'), meta: { title: 'nav.deliveries', words: ['deliveries'] } },
    {
      path: '/deliveries/:id',
      component: () => import('@/views/Delivery.vue'),
      props: true,
      meta: { title: 'nav.delivery', words: ['deliveries'] },
    },
    { path: '/notifications', component: () => import('@/views/Notifications.vue'), meta: { title: 'bell.label', words: ['inbox'] } },
    { path: '/users', component: () => import('@/views/Users.vue'), meta: { title: 'nav.users', words: ['people'] } },
    { path: '/:rest(.*)*', component: () => import('@/views/NotFound.vue'), meta: { title: 'notFound.title' } },
  ],
})

/** The sign-in page, with the way back. */
export function signInAt(returnTo: string): RouteLocationRaw {
  return { path: '/sign-in', query: returnTo === '/' || returnTo.startsWith('/sign-in') ? {} : { return_to: returnTo } }
}

router.beforeEach(async (to) => {
  if (to.meta.public === true || hasToken()) return true
  try {
    await renew()
    return true
  } catch (error) {
    // An unreachable server is shown by the page itself, which tries again; only a session that is over sends away.
    return error instanceof SignedOut ? signInAt(to.fullPath) : true
  }
})

router.beforeResolve(async ({ meta }) => {
  if (meta.words !== undefined) await useWords(...meta.words)
})

router.onError((error: unknown, { fullPath }) => {
  if (!readAnew(fullPath, error)) reportError(error)
})

router.afterEach(({ fullPath }, _, failure) => {
  if (failure === undefined) arrived(fullPath)
})
