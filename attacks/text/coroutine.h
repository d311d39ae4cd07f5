// Coroutine: a function that can stop in its middle until something it needs has arrived.
//
// A search asks the victim about some texts, goes on with the answers, and asks again. Written as a
// coroutine it reads as if there were no other search: `co_await` keeps its local variables, leaves
// it, and enters it again at the same place once the answers are there. Meanwhile other searches
// ask, and the victim is given the texts of all of them at once (text_attack.h).
//
// A coroutine that awaits another runs it first. Those of one search form a stack, of which only
// the topmost runs; Strand says which. A coroutine never enters another itself: it names the next
// one and returns to Strand::run, so the machine's stack does not grow with the search.
//
// GCC 12 frees twice what `co_await (a ? f() : g())` made: choose before it.
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

namespace saddle {

// The coroutines of one search.
struct Strand {
  std::coroutine_handle<> next = nullptr;  // null: it waits for answers, or is done

  // Until it waits or is done.
  void run() {
    while (next) std::exchange(next, nullptr).resume();
  }
};

// A call of a function that ends with `co_return value`. It begins when it is awaited, or started
// by start(). What it throws comes out of co_await, or of result(). Destroying it frees the call,
// wherever it stands, with all calls that it awaits.
template <class Value>
class [[nodiscard]] Coroutine {
 public:
  struct promise_type;
  using Handle = std::coroutine_handle<promise_type>;

  struct promise_type {
    Strand* strand = nullptr;
    std::coroutine_handle<> caller = nullptr;
    std::optional<Value> value;
    std::exception_ptr error;

    // Names the caller as the next to run.
    struct Return {
      bool await_ready() noexcept { return false; }
      void await_suspend(Handle self) noexcept {
        self.promise().strand->next = self.promise().caller;
      }
      void await_resume() noexcept {}
    };

    Coroutine get_return_object() { return Coroutine(Handle::from_promise(*this)); }
    std::suspend_always initial_suspend() noexcept { return {}; }
    Return final_suspend() noexcept { return {}; }
    void return_value(Value result) { value = std::move(result); }
    void unhandled_exception() { error = std::current_exception(); }
  };

  Coroutine(Coroutine&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Coroutine& operator=(Coroutine&&) = delete;
  ~Coroutine() {
    if (handle_) handle_.destroy();
  }

  // Makes it the first call of the strand, to be run next.
  void start(Strand& strand) {
    handle_.promise().strand = &strand;
    strand.next = handle_;
  }
  bool done() const { return handle_.done(); }
  // Once it is done, and once.
  Value result() {
    if (handle_.promise().error) std::rethrow_exception(handle_.promise().error);
    return std::move(*handle_.promise().value);
  }

  // What the compiler makes of co_await: stop the caller, run this, go on with its result.
  bool await_ready() const { return false; }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> caller) {
    handle_.promise().caller = caller;
    start(*caller.promise().strand);
  }
  Value await_resume() { return result(); }

 private:
  explicit Coroutine(Handle handle) : handle_(handle) {}

  Handle handle_;
};

}  // namespace saddle
