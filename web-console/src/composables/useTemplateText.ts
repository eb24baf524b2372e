// The text that a person works on: the draft, else what is in use, else what stands there without a version.
import { computed, ref, toValue, watch, type MaybeRefOrGetter } from 'vue'

import type { TemplatePlaceDetail } from '@/api/types'
import { useTemplate } from '@/queries/templates'

export function useTemplateText(detail: MaybeRefOrGetter<TemplatePlaceDetail>) {
  const of = (state: 'draft' | 'active') => toValue(detail).versions.find((version) => version.state === state)
  const draft = computed(() => of('draft'))
  const active = computed(() => of('active'))
  const shown = computed(() => draft.value ?? active.value)
  const stored = useTemplate(() => shown.value?.id)
  const inUse = useTemplate(() => active.value?.id)

  /** As it is stored; `undefined` while it is being read. */
  const saved = computed(() => (shown.value === undefined ? toValue(detail).below.text : stored.data.value?.text))
  const text = ref(saved.value ?? '')
  const dirty = computed(() => saved.value !== undefined && text.value !== saved.value)
  // What comes in later does not touch what somebody has written meanwhile.
  watch(saved, (now, before) => {
    if (now !== undefined && text.value === (before ?? '')) text.value = now
  })

  return {
    active,
    dirty,
    draft,
    error: stored.error,
    /** What agents are told now. */
    inUse: computed(() => (active.value === undefined ? toValue(detail).below.text : inUse.data.value?.text)),
    ready: computed(() => saved.value !== undefined),
    retry: stored.refetch,
    text,
  }
}
