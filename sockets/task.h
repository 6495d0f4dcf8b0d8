// Task<T>: a coroutine of a simulated program.
//
// Lazy: nothing runs before the task is awaited, or started by its Process.
// A task that awaits another resumes as soon as that one has returned; where
// the inner one slept in between, the process's driver resumes the outer one.
// So the stack is never deeper than the tasks are nested, whether or not the
// compiler turns resumption into a tail call.  The outer frame owns the inner
// task: destroying the outermost destroys them all.

#ifndef SPLNET_SOCKETS_TASK_H_
#define SPLNET_SOCKETS_TASK_H_

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

#include "stack/kern/check.h"

namespace splnet {

// Whoever runs a task: what it is to resume next, null if nothing.
struct TaskDriver {
  std::coroutine_handle<> next;
};

struct TaskPromiseBase {
  TaskDriver* driver = nullptr;
  std::coroutine_handle<> parent;  // set once the parent has been suspended

  struct FinalAwaiter {
    bool await_ready() noexcept { return false; }
    template <typename Promise>
    void await_suspend(std::coroutine_handle<Promise> done) noexcept {
      TaskPromiseBase& promise = done.promise();
      if (promise.parent) promise.driver->next = promise.parent;
    }
    void await_resume() noexcept {}
  };

  std::suspend_always initial_suspend() noexcept { return {}; }
  FinalAwaiter final_suspend() noexcept { return {}; }
  void unhandled_exception() { std::terminate(); }
};

template <typename T>
struct TaskPromise;

template <typename T>
class [[nodiscard]] Task {
 public:
  using promise_type = TaskPromise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  Task() = default;
  explicit Task(Handle handle) : handle_(handle) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      Destroy();
      handle_ = std::exchange(other.handle_, {});
    }
    return *this;
  }
  ~Task() { Destroy(); }

  Handle handle() const { return handle_; }
  bool done() const { return !handle_ || handle_.done(); }
  explicit operator bool() const { return static_cast<bool>(handle_); }
  // Ends the coroutine where it is suspended; its locals are destroyed.
  void Destroy() {
    if (handle_) std::exchange(handle_, {}).destroy();
  }

  struct Awaiter {
    Handle inner;
    bool await_ready() { return false; }
    // False, and so no suspension, if the inner task ran to its end.
    template <typename Promise>
    bool await_suspend(std::coroutine_handle<Promise> caller) {
      inner.promise().driver = caller.promise().driver;
      inner.resume();
      if (inner.done()) return false;
      inner.promise().parent = caller;
      return true;
    }
    T await_resume() { return inner.promise().Take(); }
  };
  Awaiter operator co_await() && { return Awaiter{handle_}; }

 private:
  Handle handle_;
};

template <typename T>
struct TaskPromise : TaskPromiseBase {
  std::optional<T> value;
  Task<T> get_return_object() {
    return Task<T>(std::coroutine_handle<TaskPromise>::from_promise(*this));
  }
  void return_value(T v) { value.emplace(std::move(v)); }
  T Take() {
    CHECK(value.has_value());
    return std::move(*value);
  }
};

template <>
struct TaskPromise<void> : TaskPromiseBase {
  Task<void> get_return_object() {
    return Task<void>(std::coroutine_handle<TaskPromise>::from_promise(*this));
  }
  void return_void() {}
  void Take() {}
};

}  // namespace splnet

#endif  // SPLNET_SOCKETS_TASK_H_
