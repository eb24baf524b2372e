// A fold that opens by itself where there is a reason to, and never closes over what somebody reads.
import { ref, watch, type Ref } from 'vue'

export function useUnfolded(reason: () => boolean): Readonly<Ref<boolean>> {
  const unfolded = ref(false)
  watch(
    reason,
    (is) => {
      if (is) unfolded.value = true
    },
    { immediate: true },
  )
  return unfolded
}
