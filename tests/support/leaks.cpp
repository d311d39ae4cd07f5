// What LeakSanitizer lets pass in every test program: LLVM's OpenMP keeps its threads until the
// process ends.
extern "C" const char* __lsan_default_suppressions() { return "leak:libomp.so"; }
extern "C" const char* __lsan_default_options() { return "print_suppressions=0"; }
