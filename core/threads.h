// Threads: started while their absence can still be told.
//
// OpenMP ends the process where the system refuses it a thread, and overflows the stack where it is
// asked for a million.
#pragma once

namespace saddle {

constexpr int kMostThreads = 1024;

// Starts the threads that set_threads or OMP_NUM_THREADS asks for; OpenMP keeps them. Throws Error
// where there are more than kMostThreads, or more than the system starts.
void start_threads();

}  // namespace saddle
