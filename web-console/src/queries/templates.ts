// Templates that people write: places, versions, and what is decided about them.
import { useMutation, useQuery, useQueryClient } from '@tanstack/vue-query'
import { computed, toValue, type MaybeRefOrGetter } from 'vue'

import { api, bodyOf } from '@/api/client'
import type { Locale, TemplateVersion } from '@/api/types'
import { keys, type PlaceName } from './keys'

export function useTemplatePlaces(project: MaybeRefOrGetter<string | undefined>) {
  return useQuery({
    queryKey: computed(() => keys.templatePlaces(toValue(project))),
    queryFn: ({ signal }) => {
      const id = toValue(project)
      const query = id === undefined ? {} : { project_id: id }
      return bodyOf(api.GET('/api/v1/staff/prompt-templates', { params: { query }, signal }))
    },
    placeholderData: (before) => before,
  })
}

export function useTemplatePlace(place: MaybeRefOrGetter<PlaceName>) {
  return useQuery({
    queryKey: computed(() => keys.templatePlace(toValue(place))),
    queryFn: ({ signal }) => {
      const { key, locale, project } = toValue(place)
      const query = { key, locale, ...(project !== undefined && { project_id: project }) }
      return bodyOf(api.GET('/api/v1/staff/prompt-templates/place', { params: { query }, signal }))
    },
  })
}

/** One version with its text; nothing is read without an id. */
export function useTemplate(id: MaybeRefOrGetter<string | undefined>) {
  return useQuery({
    queryKey: computed(() => keys.template(toValue(id) ?? '')),
    enabled: computed(() => toValue(id) !== undefined),
    queryFn: ({ signal }) => {
      const path = { template_id: toValue(id) ?? '' }
      return bodyOf(api.GET('/api/v1/staff/prompt-templates/{template_id}', { params: { path }, signal }))
    },
  })
}

function ifMatch({ id, revision }: TemplateVersion) {
  return { path: { template_id: id }, header: { 'If-Match': `"${revision}"` } }
}

/** Writes the draft of a place: the one that there is, as it was read, or a new one. */
export function useSaveDraft(place: MaybeRefOrGetter<PlaceName>) {
  const cache = useQueryClient()
  return useMutation({
    mutationFn: ({ draft, text }: { draft: TemplateVersion | undefined; text: string }) => {
      if (draft !== undefined) {
        return bodyOf(api.PUT('/api/v1/staff/prompt-templates/{template_id}', { params: ifMatch(draft), body: { text } }))
      }
      const { key, locale, project } = toValue(place)
      const body = { key, locale, text, ...(project !== undefined && { project_id: project }) }
      return bodyOf(api.POST('/api/v1/staff/prompt-templates', { body }))
    },
    onSuccess: async (template) => {
      cache.setQueryData(keys.template(template.version.id), template)
      await cache.invalidateQueries({ queryKey: keys.templates })
    },
  })
}

export type TemplateAct = 'activate' | 'archive' | 'roll-back'

/** Puts a version to use or out of use, as it was read. */
export function useDecideTemplate() {
  const cache = useQueryClient()
  return useMutation({
    mutationFn: ({ act, reason, version }: { act: TemplateAct; reason: string; version: TemplateVersion }) =>
      bodyOf(api.POST(`/api/v1/staff/prompt-templates/{template_id}/${act}`, { params: ifMatch(version), body: { reason } })),
    onSuccess: () => cache.invalidateQueries({ queryKey: keys.templates }),
  })
}

export interface PreviewAsked {
  key: string
  locale: Locale
  text: string
  project_id?: string
  run_id?: string
}

/** The whole prompt that a text would give. */
export function usePreview(asked: MaybeRefOrGetter<PreviewAsked>) {
  return useQuery({
    queryKey: computed(() => keys.promptPreview(toValue(asked))),
    queryFn: ({ signal }) => bodyOf(api.POST('/api/v1/staff/prompt-templates/preview', { body: toValue(asked), signal })),
    gcTime: 0,
  })
}
