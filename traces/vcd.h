// Value change dump (IEEE 1364-2005, 18.2): a small writer of integer signals.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

namespace fluence::traces {

struct VcdSignal {
    std::string path;  // "array.fold": scopes, then the name; letters, digits, _ and brackets
    int width = 1;     // bits, 1 to 64
};

// Writes header and changes as they come. Times ascend; a value that does not change is not written again.
class VcdWriter {
  public:
    // `cycle_ps`: picoseconds of a cycle, 1 or more. All signals begin unknown (x).
    VcdWriter(std::ostream& stream, const std::string& title, double cycle_ps,
              const std::vector<VcdSignal>& signals);

    void change(std::int64_t cycle, std::size_t signal, std::uint64_t value);
    void finish(std::int64_t cycle);  // the end of the dump

  private:
    void header(const std::string& title, const std::vector<VcdSignal>& signals);
    void at(std::int64_t cycle);

    std::ostream& stream_;
    double cycle_ps_;
    std::int64_t time_ = -1;  // picoseconds
    std::vector<int> widths_;
    std::vector<std::uint64_t> values_;
    std::vector<bool> known_;
};

// Whether `path` matches the shell pattern (*, ?, [abc]); * crosses dots.
bool matches(const std::string& path, const std::string& pattern);

}  // namespace fluence::traces
