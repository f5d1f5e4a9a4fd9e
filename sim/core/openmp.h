// OpenMP of libraries that bring it along (oneDNN with GNU's runtime).
#pragma once

namespace fluence {

// While it lives, this thread's parallel regions have one thread, and a library that asks OpenMP computes
// alone. GNU's OpenMP threads do not survive a fork: a child that enters a region waits for them forever once
// its parent has had some. Fluence forks, and works in parallel by processes.
class OneOpenmpThread {
  public:
    OneOpenmpThread();
    ~OneOpenmpThread();
    OneOpenmpThread(const OneOpenmpThread&) = delete;
    OneOpenmpThread& operator=(const OneOpenmpThread&) = delete;

  private:
    int before_ = 0;  // 0: there is no OpenMP
};

}  // namespace fluence
