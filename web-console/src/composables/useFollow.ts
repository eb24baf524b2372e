// Keeps the end of a growing list in view until the reader scrolls up, and counts what has come since.
import { useEventListener } from '@vueuse/core'
import { computed, nextTick, ref, watch, type Ref } from 'vue'

/** Nearer to the end than this counts as being there. */
const NEAR_PX = 24

export function useFollow(box: Readonly<Ref<HTMLElement | null>>, length: Readonly<Ref<number>>) {
  const following = ref(true)
  const seen = ref(0)
  let lastTop = 0

  function toEnd(): void {
    const element = box.value
    if (element !== null) element.scrollTop = element.scrollHeight
  }

  useEventListener(box, 'scroll', () => {
    const element = box.value
    if (element === null) return
    const atEnd = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR_PX
    if (atEnd) following.value = true
    else if (element.scrollTop < lastTop - 1) following.value = false
    lastTop = element.scrollTop
  })

  watch(
    length,
    async (now) => {
      if (!following.value) return
      seen.value = now
      await nextTick()
      toEnd()
      // Rows are measured when they appear, which may lengthen the list once more.
      requestAnimationFrame(() => following.value && toEnd())
    },
    { flush: 'post', immediate: true },
  )

  watch(following, (now) => {
    seen.value = length.value
    if (now) toEnd()
  })

  return {
    following,
    fresh: computed(() => (following.value ? 0 : Math.max(0, length.value - seen.value))),
    stop: () => (following.value = false),
    resume: () => {
      following.value = true
      toEnd()
    },
  }
}
