// An allocation that fails ends the program with one line that says how much was asked for:
// libraries use memory without a look at whether they got it. With glibc alone.

#include <unistd.h>

#include <cstddef>
#include <cstring>

#if defined(__GLIBC__) && !defined(GRAFT_SANITIZED)  // a sanitizer has a malloc of its own

// glibc lets a program define malloc in front of its own, which has this name, too.
extern "C" void* __libc_malloc(size_t size);  // NOLINT(bugprone-reserved-identifier)

namespace {

// Without any memory: what it writes is on the stack.
[[noreturn]] void end_for_lack_of(size_t size) {
  constexpr char kBefore[] = "graft: out of memory: ", kAfter[] = " bytes were asked for\n";
  char line[sizeof kBefore + sizeof kAfter + 24], digits[24];
  size_t length = 0, count = 0;
  for (; size > 0; size /= 10) digits[count++] = static_cast<char>('0' + size % 10);
  const auto add = [&](const char* text, size_t bytes) {
    std::memcpy(line + length, text, bytes);
    length += bytes;
  };
  add(kBefore, sizeof kBefore - 1);
  while (count > 0) line[length++] = digits[--count];
  add(kAfter, sizeof kAfter - 1);
  [[maybe_unused]] const ssize_t told = ::write(STDERR_FILENO, line, length);
  ::_exit(1);
}

}  // namespace

extern "C" void* malloc(size_t size) {
  void* const memory = __libc_malloc(size);
  if (memory == nullptr && size > 0) end_for_lack_of(size);
  return memory;
}

#endif
