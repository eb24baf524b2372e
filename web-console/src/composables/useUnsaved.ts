// Asks before what somebody has written is lost: on other pages of the console by our own words, elsewhere by the browser's.
import { useEventListener } from '@vueuse/core'
import { ref, toValue, type MaybeRefOrGetter } from 'vue'
import { onBeforeRouteLeave, onBeforeRouteUpdate } from 'vue-router'

export function useUnsaved(dirty: MaybeRefOrGetter<boolean>) {
  const asking = ref(false)
  let answer: ((leave: boolean) => void) | undefined

  function ask(): boolean | Promise<boolean> {
    if (!toValue(dirty)) return true
    asking.value = true
    return new Promise((resolve) => (answer = resolve))
  }

  function decide(leave: boolean): void {
    asking.value = false
    answer?.(leave)
    answer = undefined
  }

  onBeforeRouteLeave(ask)
  onBeforeRouteUpdate(ask)
  useEventListener(window, 'beforeunload', (event) => {
    if (toValue(dirty)) event.preventDefault()
  })
  return { asking, decide }
}
