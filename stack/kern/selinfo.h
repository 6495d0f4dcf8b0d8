// Who wants to be told when something becomes ready: struct selinfo, klist.
//
// select, poll and kqueue hang their hooks on a SelInfo; selwakeup() tells
// each.  A hook stays until its owner takes it off or is destroyed.

#ifndef SPLNET_STACK_KERN_SELINFO_H_
#define SPLNET_STACK_KERN_SELINFO_H_

namespace splnet {

struct SelHook {
  void (*notify)(SelHook& self) = nullptr;
  SelHook* prev = this;
  SelHook* next = this;

  SelHook() = default;
  explicit SelHook(void (*fn)(SelHook&)) : notify(fn) {}
  SelHook(const SelHook&) = delete;
  SelHook& operator=(const SelHook&) = delete;
  ~SelHook() { Leave(); }

  bool hooked() const { return next != this; }
  void Leave() {
    prev->next = next;
    next->prev = prev;
    prev = next = this;
  }
};

struct SelInfo {
  SelHook hooks;  // head of the ring

  ~SelInfo() {
    while (hooks.hooked()) hooks.next->Leave();
  }
  // Hangs `hook` on; a hook is on one SelInfo at a time.
  void Record(SelHook& hook) {
    hook.Leave();
    hook.prev = hooks.prev;
    hook.next = &hooks;
    hook.prev->next = &hook;
    hooks.prev = &hook;
  }
};

// Tells every hook.  A hook's function may take that hook off, no other.
inline void selwakeup(SelInfo& sel) {
  for (SelHook* h = sel.hooks.next; h != &sel.hooks;) {
    SelHook* const next = h->next;
    h->notify(*h);
    h = next;
  }
}

}  // namespace splnet

#endif  // SPLNET_STACK_KERN_SELINFO_H_
